//! Standard Webhooks 1.0: sign, send, classify the answer; refuses private addresses
