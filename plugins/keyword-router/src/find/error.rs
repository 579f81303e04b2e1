//! What cannot be searched for.

/// Why words or patterns cannot be searched for.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The pattern breaks the syntax.
    #[error("{message}")]
    Syntax {
        /// What is wrong, in words.
        message: String,
    },
    /// A pattern stands for too many states.
    #[error("it is too large to search for")]
    PatternSize {
        /// Which of the wanted patterns it is.
        number: usize,
        /// The limit it met.
        #[source]
        source: Box<regex_automata::meta::BuildError>,
    },
    /// All words together are too many states.
    #[error("all words together are too large to search for")]
    WordsSize(#[source] aho_corasick::BuildError),
}
