//! What is taken out of objects before anybody reads them.
