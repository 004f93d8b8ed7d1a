//! The parts of a Markdown document that can be wrong: fenced snippets, links, headings, names in the prose.

/// A fenced block and the HTML comments that stand directly above it.
#[derive(Debug, Default, PartialEq)]
pub struct Snippet {
    /// Of the opening fence, from 1.
    pub line: usize,
    pub language: String,
    pub text: String,
    /// `<!-- file: NAME -->`: the name under which the snippet is saved, so that later ones can use it.
    pub file: Option<String>,
    /// `<!-- not run: REASON -->`
    pub not_run: Option<String>,
    /// `<!-- output -->`: what the snippet before it prints, to the letter.
    pub is_output: bool,
}

#[derive(Debug, Default)]
pub struct Document {
    pub snippets: Vec<Snippet>,
    /// Line and text of everything outside the fences, comments left out.
    pub prose: Vec<(usize, String)>,
    /// What is wrong with its form.
    pub faults: Vec<String>,
}

pub fn parse(text: &str) -> Document {
    let mut document = Document::default();
    // The comments above a fence, and the fence that is open.
    let mut comments: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String, Snippet)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some((outer, fence, snippet)) = &mut open {
            if trimmed.trim_end() == fence {
                document.snippets.extend(open.take().map(|(_, _, snippet)| snippet));
            } else {
                let text = if line.trim().is_empty() { "" } else { &line[(*outer).min(indent)..] };
                snippet.text += text;
                snippet.text.push('\n');
            }
            continue;
        }
        if trimmed.starts_with("```") {
            let language = trimmed.trim_start_matches('`');
            let fence = trimmed[..trimmed.len() - language.len()].to_string();
            let mut snippet =
                Snippet { line: number, language: language.trim().into(), ..Snippet::default() };
            for (line, comment) in comments.drain(..) {
                document
                    .faults
                    .extend(apply(&comment, &mut snippet).map(|fault| format!("line {line}: {fault}")));
            }
            open = Some((indent, fence, snippet));
        } else if let Some(comment) =
            trimmed.strip_prefix("<!--").and_then(|rest| rest.trim_end().strip_suffix("-->"))
        {
            comments.push((number, comment.trim().to_string()));
        } else {
            let after_text = document.prose.iter().rev().find(|(_, text)| !text.trim().is_empty());
            let in_list = after_text
                .is_some_and(|(_, text)| text.starts_with([' ', '-', '*', '|']) || starts_with_number(text));
            let after_blank = document.prose.last().is_none_or(|(_, text)| text.trim().is_empty());
            if indent >= 4 && after_blank && !in_list {
                document
                    .faults
                    .push(format!("line {number}: an indented block, which nobody runs; use a fence"));
            }
            document.prose.push((number, line.to_string()));
            if !trimmed.is_empty() {
                let fault =
                    |(line, comment)| format!("line {line}: `{comment}` does not stand above a snippet");
                document.faults.extend(comments.drain(..).map(fault));
            }
        }
    }
    if let Some((_, _, snippet)) = open {
        document.faults.push(format!("line {}: the fence is never closed", snippet.line));
    }
    document
}

fn starts_with_number(text: &str) -> bool {
    text.split_once('.').is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

/// Notes what a comment says of the snippet under it.
fn apply(comment: &str, snippet: &mut Snippet) -> Option<String> {
    if let Some(reason) = comment.strip_prefix("not run:").map(str::trim).filter(|reason| !reason.is_empty())
    {
        snippet.not_run = Some(reason.to_string());
    } else if let Some(file) = comment.strip_prefix("file:").map(str::trim).filter(|file| is_file_name(file))
    {
        snippet.file = Some(file.to_string());
    } else if comment == "output" {
        snippet.is_output = true;
    } else {
        return Some(format!("`{comment}` is neither `not run: REASON`, nor `file: NAME`, nor `output`"));
    }
    None
}

fn is_file_name(name: &str) -> bool {
    !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl Document {
    /// Line and text of what stands between backticks.
    pub fn code_spans(&self) -> impl Iterator<Item = (usize, &str)> {
        self.prose
            .iter()
            .flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(|span| (*line, span)))
    }

    /// Line and target of every link that stands in the text.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (line, text) in &self.prose {
            let text: String = text.split('`').step_by(2).collect();
            let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            links.extend(targets.map(|(target, _)| (*line, target.to_string())));
        }
        links
    }

    /// The anchors that a reader's browser makes of the headings.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.prose.iter().filter_map(|(_, text)| text.strip_prefix('#'));
        headings.map(|heading| slug(heading.trim_start_matches('#'))).collect()
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
