//! Listening, connecting, waiting, carrying bytes: what every protocol here stands on.
