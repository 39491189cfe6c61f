//! Carries out committed effects: to other entities and to the world; fires durable timers
