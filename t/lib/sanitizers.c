/*
 * Options of the sanitizers of `make test-asan`, linked into nginx: nginx clears its environment,
 * and libubsan looks there no sooner than at its first report.
 */

const char *__asan_default_options(void) {
    /* Only the slow unwinder sees through OpenSSL to what is named below. */
    return "fast_unwind_on_malloc=0:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:suppressions=" UBSAN_SUPPRESSIONS;
}

const char *__lsan_default_options(void) { return "print_suppressions=0"; }

const char *__lsan_default_suppressions(void) {
    return
        /* nginx keeps the context of its regular expressions. */
        "leak:^ngx_regex_malloc$\n"
        /* nginx keeps its connections to the end of the process, and forgets where they are. */
        "leak:^ngx_event_process_init$\n"
        /* nginx keeps a TLS session for the next connection to the same server. */
        "leak:^ngx_ssl_handshake$\n"
        "leak:^ngx_ssl_recv$\n";
}
