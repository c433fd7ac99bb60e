// Package docs holds the pages that explain the product to those who work on it: design, glossary,
// decisions, how-tos.
//
// It has no code besides its test, which keeps the pages true: every link and every path they name must
// exist, and the example of a new kind of actor must apply to the sources and work. Nobody imports it.
package docs
