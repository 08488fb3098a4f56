//! The pipeline fetch, render, observe, plan, apply, settle; knows no name of Flux's or Argo CD's.
