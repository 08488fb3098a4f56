//! The metrics page: counters, gauges and histograms, written as Prometheus reads them.
//!
//! Series are bounded in number (INV-RES-11) and can be removed with the object that they speak of.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use parking_lot::Mutex;

/// Series of one family; what is beyond is not recorded.
const MAX_SERIES: usize = 20_000;

/// The values of a family's labels, in the family's order.
type Labels = Vec<String>;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Family {
    name: String,
    help: String,
    kind: Kind,
    labels: Vec<String>,
    buckets: Vec<f64>,
    series: Mutex<BTreeMap<Labels, Series>>,
}

#[derive(Default)]
struct Series {
    value: f64,
    count: u64,
    buckets: Vec<u64>,
}

type Collector = Box<dyn Fn(&mut MetricText) + Send + Sync>;

/// All metrics of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

#[derive(Default)]
struct Inner {
    families: Mutex<Vec<Arc<Family>>>,
    collectors: Mutex<Vec<Collector>>,
}

/// A family of numbers that only grow.
#[derive(Clone)]
pub struct Counter(Arc<Family>);
/// A family of numbers that go up and down.
#[derive(Clone)]
pub struct Gauge(Arc<Family>);
/// A family of distributions.
#[derive(Clone)]
pub struct Histogram(Arc<Family>);

impl Registry {
    fn family(&self, name: &str, help: &str, kind: Kind, labels: &[&str], buckets: &[f64]) -> Arc<Family> {
        let mut families = self.0.families.lock();
        if let Some(known) = families.iter().find(|f| f.name == name && f.kind == kind) {
            return known.clone();
        }
        let family = Arc::new(Family {
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
            buckets: buckets.to_vec(),
            series: Mutex::default(),
        });
        families.push(family.clone());
        family
    }
    /// A family of counters; the same name gives the same family.
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Counter {
        Counter(self.family(name, help, Kind::Counter, labels, &[]))
    }
    /// A family of gauges.
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Gauge {
        Gauge(self.family(name, help, Kind::Gauge, labels, &[]))
    }
    /// A family of histograms with these upper bounds, ascending.
    pub fn histogram(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Histogram {
        Histogram(self.family(name, help, Kind::Histogram, labels, buckets))
    }
    /// Adds what is read at the moment of asking: queues, request counters, memory.
    pub fn collect(&self, collector: impl Fn(&mut MetricText) + Send + Sync + 'static) {
        self.0.collectors.lock().push(Box::new(collector));
    }
    /// The page.
    pub fn text(&self) -> String {
        let mut text = MetricText::default();
        let families = self.0.families.lock().clone();
        for family in &families {
            family.write(&mut text);
        }
        for collector in self.0.collectors.lock().iter() {
            collector(&mut text);
        }
        text.finish()
    }
}

impl Family {
    fn change(&self, labels: &[&str], change: impl FnOnce(&mut Series)) {
        debug_assert_eq!(labels.len(), self.labels.len(), "labels of {}", self.name);
        let labels: Labels = labels.iter().map(|l| (*l).to_owned()).collect();
        let mut series = self.series.lock();
        if series.len() >= MAX_SERIES && !series.contains_key(&labels) {
            return;
        }
        change(series.entry(labels).or_default());
    }
    fn remove(&self, wanted: &[(&str, &str)]) {
        self.series.lock().retain(|labels, _| {
            !wanted
                .iter()
                .all(|(name, value)| self.labels.iter().position(|l| l == name).is_some_and(|at| labels[at] == *value))
        });
    }
    fn write(&self, text: &mut MetricText) {
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        text.family(&self.name, kind, &self.help);
        for (labels, series) in self.series.lock().iter() {
            let mut pairs: Vec<(&str, &str)> =
                self.labels.iter().map(String::as_str).zip(labels.iter().map(String::as_str)).collect();
            if self.kind != Kind::Histogram {
                text.sample(&self.name, &pairs, series.value);
                continue;
            }
            let bounds: Vec<String> = self.buckets.iter().map(f64::to_string).collect();
            let name = format!("{}_bucket", self.name);
            let mut below = 0;
            for (bound, count) in bounds.iter().zip(&series.buckets) {
                below += count;
                pairs.push(("le", bound));
                text.sample(&name, &pairs, below as f64);
                pairs.pop();
            }
            pairs.push(("le", "+Inf"));
            text.sample(&name, &pairs, series.count as f64);
            pairs.pop();
            text.sample(&format!("{}_sum", self.name), &pairs, series.value);
            text.sample(&format!("{}_count", self.name), &pairs, series.count as f64);
        }
    }
}

impl Counter {
    /// Adds one.
    pub fn increment(&self, labels: &[&str]) {
        self.add(labels, 1.0);
    }
    /// Adds an amount that is not negative.
    pub fn add(&self, labels: &[&str], amount: f64) {
        self.0.change(labels, |series| series.value += amount.max(0.0));
    }
    /// Removes the series with all of these label values.
    pub fn remove(&self, labels: &[(&str, &str)]) {
        self.0.remove(labels);
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, labels: &[&str], value: f64) {
        self.0.change(labels, |series| series.value = value);
    }
    /// Removes the series with all of these label values.
    pub fn remove(&self, labels: &[(&str, &str)]) {
        self.0.remove(labels);
    }
}

impl Histogram {
    /// Records one value.
    pub fn observe(&self, labels: &[&str], value: f64) {
        let bounds = &self.0.buckets;
        self.0.change(labels, |series| {
            series.buckets.resize(bounds.len(), 0);
            if let Some(at) = bounds.iter().position(|bound| value <= *bound) {
                series.buckets[at] += 1;
            }
            series.value += value;
            series.count += 1;
        });
    }
    /// Removes the series with all of these label values.
    pub fn remove(&self, labels: &[(&str, &str)]) {
        self.0.remove(labels);
    }
}

/// The page under construction: families in the order of their first mention, each in one piece,
/// whoever adds to it.
#[derive(Default)]
pub struct MetricText {
    families: Vec<(String, String)>,
    /// The family that samples go to.
    current: usize,
}

impl MetricText {
    /// Starts a family (`counter`, `gauge` or `histogram`), or goes on with it.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        if let Some(at) = self.families.iter().position(|(known, _)| known == name) {
            self.current = at;
            return;
        }
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.current = self.families.len();
        self.families.push((name.to_owned(), head));
    }
    /// Writes one sample of the family that was started last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let Some((_, out)) = self.families.get_mut(self.current) else { return };
        out.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(out, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }
    fn finish(self) -> String {
        self.families.into_iter().map(|(_, text)| text).collect()
    }
}

/// `count` bounds from `min` to `max`, each the same factor above the one before.
pub fn exponential_buckets(min: f64, max: f64, count: usize) -> Vec<f64> {
    let steps = count.max(2) - 1;
    let factor = (max / min).powf(1.0 / steps as f64);
    (0..=steps).map(|step| min * factor.powi(step as i32)).collect()
}
