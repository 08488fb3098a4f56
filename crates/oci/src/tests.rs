mod exchange;
mod names;
mod signatures;
