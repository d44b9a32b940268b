/* Calls an exported net NAME on X_BYTES from a file, CALLS times in each of THREADS, and writes Y_BYTES to another.
 * x, y and the workspace each end where a page begins that nobody may touch. */
#define _GNU_SOURCE
#include HEADER
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GLUED(a, b) a##b
#define GLUE(a, b) GLUED(a, b)
#define RUN GLUE(NAME, _run)
#define WORKSPACE_BYTES GLUE(NAME, _workspace_bytes)

static unsigned char x[X_BYTES], first[Y_BYTES];
static int first_status;

static void *at_the_edge(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    char *memory = mmap(NULL, whole + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    if (mprotect(memory, page, PROT_NONE) || mprotect(memory + page + whole, page, PROT_NONE)) abort();
    memset(memory + page, 0xAA, whole);
    return memory + page + whole - bytes;
}

static void *calls(void *unused)
{
    void *mine = at_the_edge(X_BYTES), *y = at_the_edge(Y_BYTES), *workspace = at_the_edge(WORKSPACE_BYTES);
    memcpy(mine, x, X_BYTES);
    for (int call = 0; call < CALLS; call++) {
        int status = RUN(mine, y, workspace);
        if (status != first_status || memcmp(y, first, Y_BYTES) || memcmp(mine, x, X_BYTES)) return "differs";
        memset(y, 0x55, Y_BYTES);
    }
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    void *y = at_the_edge(Y_BYTES), *workspace = at_the_edge(WORKSPACE_BYTES);
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : NULL;
    if (!file || fread(x, 1, X_BYTES, file) != X_BYTES || fclose(file)) return 10;
    first_status = RUN((void *)x, y, workspace);
    memcpy(first, y, Y_BYTES);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, calls, NULL)) return 11;
    for (int i = 0; i < THREADS; i++) {
        void *found;
        if (pthread_join(threads[i], &found) || found) return 12;
    }
    file = fopen(arguments[2], "wb");
    if (!file || fwrite(first, 1, Y_BYTES, file) != Y_BYTES || fclose(file)) return 13;
    return first_status;
}
