//! Whole servers under faults: killed, filled, fed hostile input; an audit after each
