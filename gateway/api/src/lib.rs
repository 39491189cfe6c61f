//! Requests, responses, problems and error codes of the HTTP edge; no server
