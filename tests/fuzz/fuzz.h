/* fuzz/fuzz.h: the entry that libFuzzer calls, and replay.c with the files of corpus/
 * (https://llvm.org/docs/LibFuzzer.html). */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* NOLINT: the name is given */
