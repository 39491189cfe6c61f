//! One person as one tenant knows them
