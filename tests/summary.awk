# The summary of tests/run, from ctest's JUnit report: test cases by kind, the slowest tests, what
# failed, and the totals. Exits 1 when anything failed.
#
# A CTest test is one program or file with several cases: Check and Node say how many, in a line of
# their own; any other program is one case.

function attribute(name) {
    if (!match($0, " " name "=\"[^\"]*\"")) return ""
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
}

/<testcase / {
    name = attribute("name")
    seconds = attribute("time")
    status = attribute("status")
    counted = good = bad = skip = 0
}
# 96%: Checks: 25, Failures: 1, Errors: 0
/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
    counted = 1
    bad += $5 + $7
    good += $3 - $5 - $7
}
/^[^ ]+ (pass|fail|cancelled|skipped|todo) [0-9]+$/ {
    counted = 1
    if ($2 == "pass") good += $3
    else if ($2 == "fail" || $2 == "cancelled") bad += $3
    else skip += $3
}
/<\/testcase>/ {
    if (status == "notrun" || status == "disabled") skip++
    else if (!counted && status == "run") good++
    if (status == "fail" && !bad) bad++ # a crash, a time-out, a leak found at the end
    kind = name
    sub("/.*", "", kind)
    if (!(kind in tests)) kinds[++kind_count] = kind
    tests[kind]++
    passed[kind] += good
    failed[kind] += bad
    skipped[kind] += skip
    time[kind] += seconds
    if (bad) failures = failures sprintf("  FAILED  %s (%.1f s)\n", name, seconds)
    if (skip) skips = skips sprintf("  skipped %s: %d\n", name, skip)
    if (seconds > slowest) {
        slowest = seconds
        slow = name
    }
    all_good += good
    all_bad += bad
    all_skipped += skip
}

END {
    printf "%-10s %6s %7s %7s %8s %8s\n", "kind", "tests", "passed", "failed", "skipped", "seconds"
    for (i = 1; i <= kind_count; i++) {
        kind = kinds[i]
        printf "%-10s %6d %7d %7d %8d %8.1f\n", kind, tests[kind], passed[kind], failed[kind],
            skipped[kind], time[kind]
    }
    if (slow) printf "slowest: %s, %.1f s\n", slow, slowest
    printf "%s%s", skips, failures
    if (ctest_status && !all_bad) {
        print "ctest failed with status " ctest_status
        all_bad++
    }
    if (ci == "true" && all_skipped) {
        print "skipped tests count as failed, because CI=true"
        all_bad += all_skipped
        all_skipped = 0
    }
    printf "%d passed, %d failed", all_good, all_bad
    if (all_skipped) printf ", %d skipped", all_skipped
    printf "\n"
    exit all_bad > 0
}
