//! Work queues, back-off, leases, finalizers, conditions, events and step metrics for any kind; knows neither Flux nor Argo CD.
