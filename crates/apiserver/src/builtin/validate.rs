//! What is wrong with objects of the built-in kinds, in Kubernetes' order and words.

pub mod config;
pub mod network;
pub mod pod;
pub mod policy;
pub mod rbac;
pub mod service;
pub mod storage;
pub mod workload;
