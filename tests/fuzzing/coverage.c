// Which blocks of the compiled reader have been reached: gcc's -fsanitize-coverage=trace-pc has each of them call this.
#include <stdint.h>

static uint8_t reached[1 << 22];
static long count;

void __sanitizer_cov_trace_pc(void) {
    uintptr_t block = (uintptr_t)__builtin_return_address(0) % sizeof reached;
    if (!reached[block]) {
        reached[block] = 1;
        count++;
    }
}

long blocks_reached(void) { return count; }
