//! The commands of belay against a cluster: Flux's verbs and output habits; knows not the insides of controllers.
