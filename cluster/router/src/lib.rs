//! ask, tell, query: permits, deadlines and overload answers in front of every entity
