//! Object to health, in kstatus' vocabulary, built in and by expression; knows not how objects were obtained.
