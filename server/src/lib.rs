//! The binary: composition root, command line, admin shell
