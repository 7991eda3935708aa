//! SPARQL over a graph, by a store in memory.

use std::io;

use oxigraph::model::{Quad, Term};
/// Ends queries from another thread.
pub use oxigraph::sparql::CancellationToken as Stop;
use oxigraph::sparql::{QueryEvaluationError, QueryResults, QuerySolutionIter, QueryTripleIter, SparqlEvaluator};
use oxigraph::store::Store;
use oxrdf::vocab::xsd;
use oxttl::NTriplesSerializer;
use serde_json::Value;

use super::format::WriteError;
use super::format::statements::statements;
use super::{Graph, GraphError};

/// Quads that are handed to the store at a time.
const QUADS_AT_ONCE: usize = 1 << 16;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Of SELECT: the variables, and a row a solution; of ASK: one cell.
    Rows {
        /// The variables.
        names: Vec<String>,
        /// Their values: numbers and truth values as such, null where there is none.
        rows: Vec<Vec<Value>>,
    },
    /// Of CONSTRUCT and DESCRIBE: N-Triples.
    Triples(Vec<u8>),
}

/// A graph in memory.
pub struct Loaded {
    store: Store,
    evaluator: SparqlEvaluator,
    stop: Stop,
}

impl From<WriteError> for GraphError {
    fn from(error: WriteError) -> Self {
        error.at(std::path::Path::new("graph"))
    }
}

impl Loaded {
    /// Loads everything that the graph's N-Quads say.
    ///
    /// # Errors
    /// Where a table cannot be read.
    pub fn new(graph: &Graph) -> Result<Self, GraphError> {
        let store = Store::new()?;
        let mut loader = store.bulk_loader();
        let mut quads: Vec<Quad> = Vec::new();
        statements(graph, &mut |quad| {
            quads.push(quad.into_owned());
            if quads.len() == QUADS_AT_ONCE {
                loader.load_quads(quads.drain(..))?;
            }
            Ok::<_, GraphError>(())
        })?;
        loader.load_quads(quads)?;
        loader.commit()?;
        let mut evaluator = SparqlEvaluator::new();
        for (prefix, namespace) in graph.iris.prefixes_of_queries(&graph.prefixes()?) {
            evaluator = evaluator.with_prefix(prefix, namespace).map_err(GraphError::Prefix)?;
        }
        Ok(Self { store, evaluator, stop: Stop::new() })
    }

    /// The same, whose queries end in an error once `stop` is cancelled.
    #[must_use]
    pub fn until(self, stop: Stop) -> Self {
        Self { evaluator: self.evaluator.with_cancellation_token(stop.clone()), stop, ..self }
    }

    /// Answers a query, which can use the prefixes of
    /// [`Iris::prefixes_of_queries`](super::identifier::Iris::prefixes_of_queries).
    ///
    /// # Errors
    /// Where it is no SPARQL query or cannot be evaluated.
    pub fn query(&self, sparql: &str) -> Result<Answer, GraphError> {
        let query = self.evaluator.clone().parse_query(sparql).map_err(GraphError::Syntax)?;
        match query.on_store(&self.store).execute().map_err(evaluation)? {
            QueryResults::Solutions(solutions) => self.rows(solutions),
            QueryResults::Boolean(answer) => {
                Ok(Answer::Rows { names: vec!["answer".to_owned()], rows: vec![vec![Value::Bool(answer)]] })
            }
            QueryResults::Graph(triples) => self.lines(triples),
        }
    }

    /// The engine looks up whether it is to stop where it reads quads, but not between what it makes of them.
    fn going_on<T>(&self, found: Result<T, QueryEvaluationError>) -> Result<T, GraphError> {
        let found = if self.stop.is_cancelled() { Err(QueryEvaluationError::Cancelled) } else { found };
        found.map_err(evaluation)
    }

    fn rows(&self, solutions: QuerySolutionIter<'_>) -> Result<Answer, GraphError> {
        let names = solutions.variables().iter().map(|variable| variable.as_str().to_owned()).collect();
        let cell = |term: &Option<Term>| term.as_ref().map_or(Value::Null, value);
        let rows = solutions.map(|found| Ok(self.going_on(found)?.values().iter().map(cell).collect()));
        Ok(Answer::Rows { names, rows: rows.collect::<Result<_, GraphError>>()? })
    }

    fn lines(&self, triples: QueryTripleIter<'_>) -> Result<Answer, GraphError> {
        let mut serializer = NTriplesSerializer::new().for_writer(Vec::new());
        for triple in triples {
            let written = serializer.serialize_triple(&self.going_on(triple)?);
            written.map_err(|error: io::Error| WriteError::Io(error))?;
        }
        Ok(Answer::Triples(serializer.finish()))
    }
}

fn evaluation(error: QueryEvaluationError) -> GraphError {
    GraphError::Evaluation(Box::new(error))
}

/// A term as people read it: an IRI and text bare, numbers and truth values as such.
fn value(term: &Term) -> Value {
    let literal = match term {
        Term::NamedNode(iri) => return Value::from(iri.as_str()),
        Term::Literal(literal) => literal,
        Term::BlankNode(blank) => return Value::from(blank.to_string()),
    };
    let text = literal.value();
    let parsed = match literal.datatype() {
        xsd::INTEGER => text.parse::<i64>().ok().map(Value::from),
        // A float's own digits: widened, it would have others.
        xsd::DECIMAL | xsd::DOUBLE | xsd::FLOAT => text.parse::<f64>().ok().map(Value::from),
        xsd::BOOLEAN => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    parsed.filter(|value| !value.is_null()).unwrap_or_else(|| Value::from(text))
}
