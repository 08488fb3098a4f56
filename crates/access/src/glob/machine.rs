//! The machine that patterns with classes, alternatives or stopping stars become: a set of states
//! that walks over the text once (Thompson's construction), so no pattern takes long.

/// Which characters fit at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub negated: bool,
    pub ranges: Vec<(char, char)>,
}

impl Class {
    fn has(&self, c: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != self.negated
    }
}

#[derive(Clone, Debug)]
enum Step {
    Char(char),
    /// Any character but the separator.
    One,
    Class(Box<Class>),
    /// Any number of characters, the separator among them if `crosses`.
    Run {
        crosses: bool,
    },
    /// Goes on at each of these.
    Fork(Box<[u16]>),
    Goto(u16),
    End,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    steps: Box<[Step]>,
    separator: Option<char>,
}

/// Writes a machine from left to right.
pub(super) struct Builder {
    steps: Vec<Step>,
    separator: Option<char>,
    open: Vec<Open>,
}

/// A brace that is open: where its fork is, where its alternatives begin and where they end.
struct Open {
    fork: usize,
    starts: Vec<u16>,
    ends: Vec<usize>,
}

impl Builder {
    pub fn new(separator: Option<char>) -> Builder {
        Builder { steps: Vec::new(), separator, open: Vec::new() }
    }
    /// *Invariant*: a pattern has at most 4096 bytes, and each makes at most two steps.
    fn here(&self) -> u16 {
        u16::try_from(self.steps.len()).unwrap_or(u16::MAX)
    }
    pub fn literal(&mut self, c: char) {
        self.steps.push(Step::Char(c));
    }
    pub fn any_one(&mut self) {
        self.steps.push(Step::One);
    }
    pub fn any_run(&mut self, crosses: bool) {
        self.steps.push(Step::Run { crosses: crosses || self.separator.is_none() });
    }
    pub fn class(&mut self, class: Class) {
        self.steps.push(Step::Class(Box::new(class)));
    }
    pub fn open(&mut self) {
        let fork = self.steps.len();
        self.steps.push(Step::Fork(Box::default()));
        let starts = vec![self.here()];
        self.open.push(Open { fork, starts, ends: Vec::new() });
    }
    pub fn alternative(&mut self) {
        let end = self.steps.len();
        self.steps.push(Step::Goto(0));
        let here = self.here();
        if let Some(open) = self.open.last_mut() {
            open.ends.push(end);
            open.starts.push(here);
        }
    }
    pub fn close(&mut self) {
        let here = self.here();
        let Some(open) = self.open.pop() else { return };
        for end in open.ends {
            self.steps[end] = Step::Goto(here);
        }
        self.steps[open.fork] = Step::Fork(open.starts.into());
    }
    pub fn finish(mut self) -> Machine {
        self.steps.push(Step::End);
        Machine { steps: self.steps.into(), separator: self.separator }
    }
}

/// States that are to be tried, each once.
struct States {
    list: Vec<u16>,
    seen: Vec<u64>,
}

impl States {
    fn new(count: usize) -> States {
        States { list: Vec::with_capacity(count.min(16)), seen: vec![0; count.div_ceil(64)] }
    }
    fn clear(&mut self) {
        for state in self.list.drain(..) {
            self.seen[usize::from(state) / 64] = 0;
        }
    }
}

impl Machine {
    pub fn matches(&self, text: &str) -> bool {
        let (mut now, mut next) = (States::new(self.steps.len()), States::new(self.steps.len()));
        let mut work = Vec::new();
        self.reach(&mut now, 0, &mut work);
        for c in text.chars() {
            for i in 0..now.list.len() {
                let at = now.list[i];
                match &self.steps[usize::from(at)] {
                    Step::Char(wanted) if *wanted == c => self.reach(&mut next, at + 1, &mut work),
                    Step::One if self.separator != Some(c) => self.reach(&mut next, at + 1, &mut work),
                    Step::Class(class) if class.has(c) => self.reach(&mut next, at + 1, &mut work),
                    Step::Run { crosses } if *crosses || self.separator != Some(c) => {
                        self.reach(&mut next, at, &mut work);
                    }
                    Step::Char(_) | Step::One | Step::Class(_) | Step::Run { .. } => {}
                    Step::Fork(_) | Step::Goto(_) | Step::End => {}
                }
            }
            now.clear();
            std::mem::swap(&mut now, &mut next);
            if now.list.is_empty() {
                return false;
            }
        }
        now.list.iter().any(|at| matches!(self.steps[usize::from(*at)], Step::End))
    }

    /// Adds a state and those that follow from it without a character.
    fn reach(&self, states: &mut States, from: u16, work: &mut Vec<u16>) {
        work.push(from);
        while let Some(at) = work.pop() {
            let (word, bit) = (usize::from(at) / 64, 1 << (at % 64));
            if states.seen[word] & bit != 0 {
                continue;
            }
            states.seen[word] |= bit;
            states.list.push(at);
            match &self.steps[usize::from(at)] {
                Step::Run { .. } => work.push(at + 1),
                Step::Fork(targets) => work.extend(targets.iter().copied()),
                Step::Goto(target) => work.push(*target),
                Step::Char(_) | Step::One | Step::Class(_) | Step::End => {}
            }
        }
    }
}
