//! Variables, complex values, maps and log formats, for any protocol that has variables.

#![forbid(unsafe_code)]
