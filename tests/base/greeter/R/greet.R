greet <- function(name = "world") {
  paste0("hello, ", name, " (greeter ", utils::packageVersion("greeter"), ")")
}
