/* Gives the files of a folder to a fuzzer's entry, one after the other: an ordinary test under
 * every compiler. Usage: replay_NAME FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "fuzz.h"

#define INPUT_MAX 65536

static void replay(const char *folder, const char *name)
{
    char path[4096];
    FILE *file = NULL;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path))
        file = fopen(path, "rb");
    if (file == NULL) {
        perror(name);
        exit(EXIT_FAILURE);
    }
    char *input = memory_alloc(INPUT_MAX);
    size_t size = fread(input, 1, INPUT_MAX, file);
    fclose(file);
    printf("%s: %zu bytes\n", name, size);
    fflush(stdout); /* the last line names the culprit when an assertion fails */
    input = memory_resize(input, size > 0 ? size : 1); /* so that a sanitizer sees the end */
    LLVMFuzzerTestOneInput((const uint8_t *)input, size);
    free(input);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    size_t count = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER, a folder that can be read\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            replay(argv[1], entry->d_name);
            count++;
        }
    }
    closedir(folder);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
