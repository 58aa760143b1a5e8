//! Numbers for monitoring: counters that cost one atomic addition, durations in buckets, and Prometheus' text format.
//!
//! No registry and no names here: whoever counts holds its counters, and whoever is asked writes them into an [`Exposition`].

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper ends of the buckets of [`Durations`], in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1800.0];

/// How long something took, by size.
#[derive(Debug, Default)]
pub struct Durations {
    /// One for each bound, and one for what took longer.
    buckets: [Counter; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

impl Durations {
    /// Adds one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].inc();
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What it counts or measures, in one line.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

impl MetricKind {
    /// The word of the text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page in Prometheus' text format, version 0.0.4.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// The media type of the page.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins the samples of a metric.
    pub fn metric(&mut self, metric: &Metric) {
        let Metric { name, kind, help, .. } = metric;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name()));
    }

    /// A sample of a metric, with the values of its labels.
    pub fn sample(&mut self, metric: &Metric, labels: &[&str], value: impl Display) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let labels = labels_text(metric, labels, None);
        self.line(format_args!("{}{labels} {value}\n", metric.name));
    }

    /// The samples of a histogram.
    pub fn durations(&mut self, metric: &Metric, labels: &[&str], durations: &Durations) {
        let mut sum = 0;
        let ends = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (counter, end) in durations.buckets.iter().zip(ends) {
            sum += counter.get();
            let labels = labels_text(metric, labels, Some(&end));
            self.line(format_args!("{}_bucket{labels} {sum}\n", metric.name));
        }
        let labels = labels_text(metric, labels, None);
        let seconds = Duration::from_micros(durations.microseconds.load(Ordering::Relaxed));
        self.line(format_args!("{}_sum{labels} {}\n", metric.name, seconds.as_secs_f64()));
        self.line(format_args!("{}_count{labels} {sum}\n", metric.name));
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0.write_fmt(arguments).expect("writing to a String does not fail");
    }
}

fn labels_text(metric: &Metric, values: &[&str], end: Option<&str>) -> String {
    let pairs = metric.labels.iter().copied().zip(values.iter().copied());
    let pairs = pairs.chain(end.map(|end| ("le", end)));
    let texts: Vec<String> =
        pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if texts.is_empty() { String::new() } else { format!("{{{}}}", texts.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Metric =
        Metric { name: "took_seconds", kind: MetricKind::Histogram, help: "h", labels: &["who"] };

    #[test]
    fn samples_are_written_in_the_text_format() {
        let count = Counter::default();
        count.inc();
        let mut page = Exposition::default();
        let metric =
            Metric { name: "n_total", kind: MetricKind::Counter, help: "how many", labels: &["a"] };
        page.metric(&metric);
        page.sample(&metric, &["x\"\n\\"], count.get());
        let expected =
            "# HELP n_total how many\n# TYPE n_total counter\nn_total{a=\"x\\\"\\n\\\\\"} 1\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn buckets_are_cumulative() {
        let durations = Durations::default();
        for milliseconds in [1, 3, 50, 7_200_000] {
            durations.observe(Duration::from_millis(milliseconds));
        }
        let mut page = Exposition::default();
        page.durations(&TOOK, &["me"], &durations);
        let text = page.into_text();
        for line in [
            "took_seconds_bucket{who=\"me\",le=\"0.001\"} 1\n",
            "took_seconds_bucket{who=\"me\",le=\"0.005\"} 2\n",
            "took_seconds_bucket{who=\"me\",le=\"0.1\"} 3\n",
            "took_seconds_bucket{who=\"me\",le=\"1800\"} 3\n",
            "took_seconds_bucket{who=\"me\",le=\"+Inf\"} 4\n",
            "took_seconds_sum{who=\"me\"} 7200.054\n",
            "took_seconds_count{who=\"me\"} 4\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
