//! What an ApplicationSet would generate, once.

use std::time::Duration;

use belay_object::Object;

use super::Preview;
use crate::application_set::ApplicationSet;
use crate::controller::application_sets::surroundings;

impl Preview {
    /// The Applications that an ApplicationSet comes to. The error says why that cannot be known.
    pub async fn generate(&self, set: &ApplicationSet) -> Result<Vec<Object>, String> {
        let project = match set.spec.project() {
            Some(name) => self.project_of(name).await,
            None => Err("the template names no project".to_owned()),
        };
        let project = |_: &str| project.clone();
        let repositories = &self.mirrors.repositories;
        let generated = surroundings::generate(set, &self.config, repositories, project, Duration::ZERO).await;
        generated.map_err(|failure| failure.message)
    }
}
