// catch.hpp: Catch2, version 2 or 3, and the one place where findings become assertions.
#ifndef LAMINA_TESTING_CATCH_HPP
#define LAMINA_TESTING_CATCH_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "lamina/testing/findings.hpp"

// REQUIRE that a check found nothing. `INFO` puts the sentences under the failed expression.
#define LAMINA_REQUIRE_CLEAN(findings_expression)                                                                      \
    do {                                                                                                               \
        const ::lamina::testing::Findings lamina_findings = (findings_expression);                                     \
        INFO(#findings_expression << " found:\n" << lamina_findings.text());                                           \
        REQUIRE(lamina_findings.clean());                                                                              \
    } while (false)

// The reverse, for the harness's own tests: the check must have found something that mentions `part`.
#define LAMINA_REQUIRE_FINDING(findings_expression, part)                                                              \
    do {                                                                                                               \
        const ::lamina::testing::Findings lamina_findings = (findings_expression);                                     \
        INFO(#findings_expression << " found:\n" << lamina_findings.text());                                           \
        REQUIRE_FALSE(lamina_findings.clean());                                                                        \
        REQUIRE(lamina_findings.mentions(part));                                                                       \
    } while (false)

#endif // LAMINA_TESTING_CATCH_HPP
