//! The integer arithmetic of computed cells: `+ - * / %`, parentheses, `$1`, texts joined with `.`,
//! and the functions that cells may call. Wrong expressions, overflow, division by zero and nesting
//! past the bound all give nothing.
//!
//! Texts count as the number they begin with, division truncates, as in the original.

const MAX_DEPTH: usize = 64;
const MAX_TEXT: usize = 4096;

/// The value of `expression`, in which `$n` is the text of group `n`.
pub(crate) fn evaluate(expression: &str, groups: &[String]) -> Option<String> {
    let mut parser = Parser { rest: expression, groups, depth: 0 };
    let value = parser.sum()?;
    parser.skip_blanks();
    parser.rest.is_empty().then(|| value.into_text())
}

#[derive(Clone, Debug)]
enum Value {
    Number(i64),
    Text(String),
}

impl Value {
    fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => leading_number(text),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().map_or(0, |number| sign * number)
}

struct Parser<'a> {
    rest: &'a str,
    groups: &'a [String],
    depth: usize,
}

impl Parser<'_> {
    fn sum(&mut self) -> Option<Value> {
        let mut left = self.product()?;
        while let Some(operator) = self.take_any("+-.") {
            let right = self.product()?;
            left = match operator {
                '+' => Value::Number(left.number().checked_add(right.number())?),
                '-' => Value::Number(left.number().checked_sub(right.number())?),
                _ => Value::Text(bounded(left.into_text() + &right.into_text())?),
            };
        }
        Some(left)
    }

    fn product(&mut self) -> Option<Value> {
        let mut left = self.operand()?;
        while let Some(operator) = self.take_any("*/%") {
            let (a, b) = (left.number(), self.operand()?.number());
            left = Value::Number(match operator {
                '*' => a.checked_mul(b)?,
                '/' => a.checked_div(b)?,
                _ => a.checked_rem(b)?,
            });
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = match self.peek()? {
            '(' => self.parenthesis(),
            '-' => {
                self.take('-')?;
                Some(Value::Number(self.operand()?.number().checked_neg()?))
            }
            '+' => {
                self.take('+')?;
                self.operand()
            }
            '$' => self.group(),
            '"' | '\'' => self.quoted(),
            first if first.is_ascii_digit() => self.digits(),
            _ => self.call(),
        };
        self.depth -= 1;
        value
    }

    fn parenthesis(&mut self) -> Option<Value> {
        self.take('(')?;
        let value = self.sum()?;
        self.take(')')?;
        Some(value)
    }

    fn group(&mut self) -> Option<Value> {
        self.take('$')?;
        let number = usize::try_from(self.digits()?.number()).ok()?;
        let text = number.checked_sub(1).and_then(|index| self.groups.get(index));
        Some(Value::Text(text.cloned().unwrap_or_default()))
    }

    fn digits(&mut self) -> Option<Value> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        digits.parse().ok().map(Value::Number)
    }

    fn quoted(&mut self) -> Option<Value> {
        let quote = self.take_any("\"'")?;
        let (text, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        Some(Value::Text(text.to_owned()))
    }

    fn call(&mut self) -> Option<Value> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
        self.take('(')?;
        let mut arguments = Vec::new();
        while self.take(')').is_none() {
            if !arguments.is_empty() {
                self.take(',')?;
            }
            arguments.push(self.sum()?);
        }
        apply(&name, &arguments)
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> Option<char> {
        let next = self.peek().filter(|next| *next == wanted)?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn take_any(&mut self, wanted: &str) -> Option<char> {
        let next = self.peek().filter(|next| wanted.contains(*next))?;
        self.take(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// The functions that cells may call.
fn apply(name: &str, arguments: &[Value]) -> Option<Value> {
    let numbers: Vec<i64> = arguments.iter().map(Value::number).collect();
    match (name, arguments) {
        ("sprintf", [format, rest @ ..]) => sprintf(&format.clone().into_text(), rest),
        ("a2idx", [text]) => letter_index(text, 96),
        ("a2zidx", [text]) => letter_index(text, 97),
        ("mknum", [text]) => {
            Some(Value::Number(text.clone().into_text().bytes().map(i64::from).sum()))
        }
        ("dim2idx", _) => dimensions(&numbers),
        ("skip", [index, skips]) => skipped(index.number(), &skips.clone().into_text()),
        ("ipadd", _) => add_to_address(&numbers),
        _ => None,
    }
}

/// The place of a letter in the alphabet.
fn letter_index(text: &Value, before: i64) -> Option<Value> {
    let first = text.clone().into_text().bytes().next()?;
    Some(Value::Number(i64::from(first.to_ascii_lowercase()) - before))
}

/// One index out of places and sizes in turn, all counted from 1.
fn dimensions(numbers: &[i64]) -> Option<Value> {
    let mut index = 0_i64;
    for (place, number) in numbers.iter().enumerate() {
        index = match place % 2 {
            0 => index.checked_add(number.checked_sub(1)?)?,
            _ => index.checked_mul(*number)?,
        };
    }
    index.checked_add(1).map(Value::Number)
}

/// An index without the places in a list of `start[:count]`; -1 for such a place itself.
fn skipped(index: i64, skips: &str) -> Option<Value> {
    let mut value = index;
    for part in skips.split(',').filter(|part| !part.is_empty()) {
        let (start, count) = part.split_once(':').unwrap_or((part, "1"));
        let (start, count) = (leading_number(start), leading_number(count));
        if index < start {
            break;
        }
        if index < start.checked_add(count)? {
            return Some(Value::Number(-1));
        }
        value = value.checked_sub(count)?;
    }
    Some(Value::Number(value))
}

/// Four octets plus a number, leaving out the first and last few of each last octet.
fn add_to_address(numbers: &[i64]) -> Option<Value> {
    let [first, second, third, fourth, add, ref skips @ ..] = *numbers else { return None };
    let start = skips.first().copied().unwrap_or(0);
    let end = skips.get(1).copied().unwrap_or(0);
    let size = 256_i64.checked_sub(start)?.checked_sub(end)?;
    let offset = fourth.checked_sub(start)?.max(0).checked_add(add)?;
    let third = third.checked_add(offset.checked_div(size)?)?;
    let fourth = offset.checked_rem(size)?.checked_add(start)?;
    Some(Value::Text(format!("{first}.{second}.{third}.{fourth}")))
}

fn sprintf(format: &str, arguments: &[Value]) -> Option<Value> {
    let mut arguments = arguments.iter();
    let mut parts = format.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            text.push('%');
            text.push_str(parts.next().unwrap_or_default());
            continue;
        }
        let end = part.find(|c: char| c.is_ascii_alphabetic())?;
        let (conversion, literal) = part.split_at(end + 1);
        let argument = arguments.next().cloned().unwrap_or(Value::Text(String::new()));
        text.push_str(&converted(conversion, argument)?);
        text.push_str(literal);
    }
    bounded(text).map(Value::Text)
}

/// One argument of `sprintf`; `conversion` is flags, width and letter.
fn converted(conversion: &str, argument: Value) -> Option<String> {
    let letter = conversion.chars().next_back()?;
    let flags_and_width = &conversion[..conversion.len() - 1];
    let width_text = flags_and_width.trim_start_matches(['0', '-', '+', ' ']);
    let flags = &flags_and_width[..flags_and_width.len() - width_text.len()];
    let width = if width_text.is_empty() { 0 } else { width_text.parse::<u8>().ok()? };
    let number = argument.number();
    let body = match letter {
        'd' | 'i' | 'u' if flags.contains('+') => format!("{number:+}"),
        'd' | 'i' | 'u' => number.to_string(),
        'x' => format!("{number:x}"),
        'X' => format!("{number:X}"),
        'o' => format!("{number:o}"),
        'b' => format!("{number:b}"),
        'c' => char::from_u32(u32::try_from(number).ok()?)?.to_string(),
        's' => argument.into_text(),
        _ => return None,
    };
    Some(padded(&body, usize::from(width), flags))
}

fn padded(body: &str, width: usize, flags: &str) -> String {
    if flags.contains('-') {
        return format!("{body:<width$}");
    }
    if !flags.contains('0') {
        return format!("{body:>width$}");
    }
    let (sign, digits) = body.split_at(usize::from(body.starts_with(['-', '+'])));
    let zeros = width.saturating_sub(body.chars().count());
    format!("{sign}{}{digits}", "0".repeat(zeros))
}

fn bounded(text: String) -> Option<String> {
    (text.len() <= MAX_TEXT).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &str) -> Option<String> {
        evaluate(expression, &["07".to_owned(), "b".to_owned()])
    }

    #[test]
    fn arithmetic_is_that_of_integers() {
        for (expression, expected) in [
            ("1+2*3", "7"),
            ("(1+2)*3", "9"),
            ("-7/2", "-3"),
            ("7%4", "3"),
            ("$1+1", "8"),
            ("$1", "07"),
            ("$3", ""),
            (" ( $1 - 1 ) ", "6"),
            ("\"x\" . ($1 + 0)", "x7"),
        ] {
            assert_eq!(value(expression).as_deref(), Some(expected), "{expression}");
        }
    }

    #[test]
    fn functions_of_the_original_are_known() {
        for (expression, expected) in [
            ("a2idx($2)", "2"),
            ("a2zidx($2)", "1"),
            ("mknum($2)", "98"),
            ("dim2idx(2, 10, 3, 8, 4, 8, 5)", "797"),
            ("skip(10, '3:2,6')", "7"),
            ("skip(3, '3')", "-1"),
            ("ipadd(10,10,10,10,246,0,0)", "10.10.11.0"),
            ("sprintf('%03d-%x-%5s|%-3s|%%', 7, 255, 'ab', 1)", "007-ff-   ab|1  |%"),
            ("sprintf('%04d', -7)", "-007"),
        ] {
            assert_eq!(value(expression).as_deref(), Some(expected), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_computed_gives_nothing() {
        for expression in
            ["", "1/0", "1%0", "1+", "system(1)", "9223372036854775807+1", "(1", "1)", "web1", "é"]
        {
            assert_eq!(value(expression), None, "{expression}");
        }
        assert_eq!(value(&"(".repeat(100_000)), None);
        assert_eq!(value(&"-".repeat(100_000)), None);
    }
}
