// Runs one launch: blocks in turn, CUDA threads as fibers of one OS thread, any schedule.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CU_RUNTIME
#include "interface.h"
#include "fibers.h"

using namespace cu;

enum {
  STACK_BYTES = 1 << 17,
  MOST_THREADS = 1024,
  MOST_DYNAMIC = 228 * 1024,
  BARRIER_STEPS = 256,
  MOST_CLEARED = 1 << 16
};
enum State { NEW, READY, PARKED, AT_BARRIER, AT_WARP, DONE };

struct Thread {
  uint3 index;
  State state;
  int worker, line;
  unsigned mask;
  int operation, source, size, answer;
  unsigned long steps;
  alignas(16) char value[16];
};
struct Worker {
  Context context;
  char* stack;
};  // a stack on which threads run, one after another

static const Launch* launch;
static Fault fault;
static Thread threads[MOST_THREADS];
static Worker workers[MOST_THREADS];
static Context scheduler;
static int idle[MOST_THREADS], idle_count;
static int thread_count, worker_count, order[MOST_THREADS], cursor, now = -1, on_worker = -1;
static unsigned long trace_count;
static uint64_t random_state;
static char* dynamic_shared;

extern "C" {
Builtin cu_builtin;
void* cu_dynamic_shared() { return dynamic_shared; }
}

extern "C" {
extern char __ehdr_start[] __attribute__((weak, visibility("hidden")));
extern unsigned char __start_cu_shared[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_cu_shared[] __attribute__((weak, visibility("hidden")));
}

#include "reporting.h"

#ifdef CU_CHECKED
#include "watchdog.h"
#else
static unsigned long steps_taken;
static void start_watchdog() {}
static void stop_watchdog() {}
#endif

static void count_steps(unsigned long steps, int line, Address place) {
  steps_taken = steps_taken + 1;
  if ((threads[now].steps += steps) <= launch->step_limit) return;
  report(ENDLESS, line, place, "more than %lu steps in one thread", launch->step_limit);
  stop();
}

static void park();

extern "C" void cu_stopped(const char* text, int line) {
  report(STOPPED, line, 0, "%s", text);
  stop();
}

#ifdef CU_CHECKED
constexpr bool CHECKED = true;
#include "shadow.h"
#include "callbacks.h"
#else
constexpr bool CHECKED = false;
static void begin_launch_shadow() {}
static void begin_block_shadow() {}
static void barrier_passed() {}
static void warp_passed(const int*, int) {}
extern "C" void cu_atomic(const void*, int, int) {}
extern "C" void cu_copy_check(const void*, unsigned long, int, int) {}
#endif

// ---- what a thread calls

static void wait(State state, int line) {
  Thread& thread = threads[now];
  count_steps(BARRIER_STEPS, line, 0);
  thread.state = state;
  thread.line = line;
  switch_context(&workers[on_worker].context, &scheduler);
}

// A read of what nobody has written yet waits for the others, so that a missing barrier is a race on every
// schedule.
[[maybe_unused]] static void park() { wait(PARKED, 0); }

// How many threads of the block came with a predicate that holds.
extern "C" int cu_barrier(int predicate, int line) {
  threads[now].answer = predicate;
  wait(AT_BARRIER, line);
  return threads[now].answer;
}
extern "C" long long cu_clock() { return (long long)steps_taken; }

extern "C" int cu_exchange(unsigned mask, void* value, int size, int source, int operation, int line) {
  Thread& thread = threads[now];
  thread.mask = mask, thread.operation = operation, thread.source = source, thread.size = size;
  if (size) memcpy(thread.value, value, size);
  if (!(mask >> (now & 31) & 1)) {
    report(BARRIER, line, 0, "a lane that its own mask 0x%08x leaves out takes part in a warp operation",
           mask);
    stop();
  }
  wait(AT_WARP, line);
  if (size) memcpy(value, thread.value, size);
  return 0;
}
extern "C" void cu_warp_barrier(unsigned mask, int line) { cu_exchange(mask, nullptr, 0, 0, WARP_BARRIER, line); }

// ---- the scheduler

static unsigned random_below(unsigned bound) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  return unsigned((random_state >> 20) % bound);
}
static void shuffle(int* items, int count) {
  for (int i = count - 1; i > 0; --i) {
    int j = int(random_below(unsigned(i) + 1)), item = items[i];
    items[i] = items[j], items[j] = item;
  }
}

static void become(int thread) { now = thread, cu_builtin.thread = threads[thread].index; }

static void work() {
  for (;;) {
    while (cursor < thread_count && threads[order[cursor]].state == NEW) {
      int thread = order[cursor++];
      threads[thread].worker = on_worker;
      become(thread);
      launch->run(launch->values);
      threads[now].state = DONE;
    }
    idle[idle_count++] = on_worker;
    switch_context(&workers[on_worker].context, &scheduler);
  }
}

static void resume(int worker) {
  on_worker = worker;
  switch_context(&scheduler, &workers[worker].context);
  on_worker = -1;
}

static int free_worker() {
  if (idle_count) return idle[--idle_count];
  Worker& worker = workers[worker_count];
  if (!worker.stack) worker.stack = (char*)malloc(STACK_BYTES);
  // Equal offsets in every stack would fall into the same cache sets.
  prepare(&worker.context, worker.stack, STACK_BYTES - 256 * (size_t(worker_count) % 61), work);
  return worker_count++;
}

static void run_ready_threads() {
  if (launch->schedule == 2) shuffle(order, thread_count);
  for (cursor = 0; cursor < thread_count && !fault.kind;) {
    int thread = order[cursor];
    if (threads[thread].state == NEW) {
      resume(free_worker());
      continue;
    }
    ++cursor;
    if (threads[thread].state != READY) continue;
    become(thread);
    resume(threads[thread].worker);
  }
}

static void fail_at(int thread, const char* format, ...) {
  char text[200];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  now = thread;
  report(BARRIER, threads[thread].line, 0, "%s", text);
}

static void deliver(const int* lanes, int count) {
  unsigned ballot = 0;
  Thread& first = threads[lanes[0]];
  for (int i = 0; i < count; ++i)
    ballot |= unsigned(first.operation == ACTIVE || threads[lanes[i]].value[0] != 0) << (lanes[i] & 31);
  static char values[32][16];
  for (int i = 0; i < count; ++i) memcpy(values[lanes[i] & 31], threads[lanes[i]].value, 16);
  for (int i = 0; i < count; ++i) {
    Thread& thread = threads[lanes[i]];
    thread.state = READY;
    if (first.operation == VOTE || first.operation == ACTIVE) memcpy(thread.value, &ballot, sizeof ballot);
    if (first.operation != SHUFFLE) continue;
    int source = (lanes[i] & ~31) + thread.source;
    bool takes_part = source < thread_count && (thread.mask >> thread.source & 1);
    for (int j = 0, found = 0; takes_part && j < count && !found; ++j)
      found = lanes[j] == source, takes_part = found || j + 1 < count;
    if (!takes_part) {
      fail_at(lanes[i], "a shuffle reads from lane %d, which takes no part in it", thread.source);
      return;
    }
    memcpy(thread.value, values[thread.source], 16);
  }
  if (first.operation == WARP_BARRIER) warp_passed(lanes, count);
}

// Releases the group of one waiting thread if all lanes that its mask names have arrived.
static bool release_group(int leader) {
  Thread& head = threads[leader];
  int base = leader & ~31, lanes[32], count = 0;
  for (int lane = 0; lane < 32 && base + lane < thread_count; ++lane) {
    Thread& thread = threads[base + lane];
    if (!(head.mask >> lane & 1) || thread.state == DONE) continue;
    if (thread.state != AT_WARP || thread.line != head.line || thread.mask != head.mask ||
        thread.operation != head.operation) {
      if (head.operation == ACTIVE) continue;  // those that came together are active
      return false;
    }
    lanes[count++] = base + lane;
  }
  deliver(lanes, count);
  return true;
}

static bool release_parked() {
  bool any = false;
  for (int t = 0; t < thread_count; ++t)
    if (threads[t].state == PARKED) threads[t].state = READY, any = true;
  return any;
}

static bool release_warps() {
  int waiting = -1;
  bool released = false;
  for (int t = 0; t < thread_count && !fault.kind; ++t) {
    if (threads[t].state != AT_WARP) continue;
    if (release_group(t)) released = true;
    else waiting = t;
  }
  if (waiting >= 0 && !released)
    fail_at(waiting, "a warp operation waits for lanes that its mask 0x%08x names and that do not arrive",
            threads[waiting].mask);
  return released;
}

static bool release_block() {
  int waiting = 0, first = -1;
  for (int t = 0; t < thread_count; ++t)
    if (threads[t].state == AT_BARRIER) {
      ++waiting;
      if (first < 0) first = t;
    }
  if (!waiting) return false;
  for (int t = 0; t < thread_count; ++t) {
    if (threads[t].state == DONE) {
      fail_at(first, "%d of %d threads reach this barrier and the others have returned", waiting,
              thread_count);
      return false;
    }
    if (threads[t].line != threads[first].line) {
      fail_at(first, "other threads wait at another barrier, in line %d", threads[t].line);
      return false;
    }
  }
  int holds = 0;
  for (int t = 0; t < thread_count; ++t) holds += threads[t].answer;
  for (int t = 0; t < thread_count; ++t) threads[t].state = READY, threads[t].answer = holds;
  barrier_passed();
  return true;
}

static void run_block(unsigned block) {
  const unsigned *grid = launch->grid, *dim = launch->block;
  cu_builtin.block = {block % grid[0], block / grid[0] % grid[1], block / grid[0] / grid[1]};
  if (launch->dynamic_shared) memset(dynamic_shared, 0xff, launch->dynamic_shared);
  // Checked, no thread reads what its block has not written; unchecked, the bytes are set where that is
  // cheap.
  size_t fixed = CHECKED || !__start_cu_shared ? 0 : size_t(__stop_cu_shared - __start_cu_shared);
  if (fixed && fixed <= MOST_CLEARED) memset(__start_cu_shared, 0xff, fixed);
  for (int t = 0; t < thread_count; ++t) {
    unsigned u = unsigned(t);
    threads[t].index = {u % dim[0], u / dim[0] % dim[1], u / dim[0] / dim[1]};
    threads[t].state = NEW, threads[t].steps = 0;
    order[t] = launch->schedule == 1 ? thread_count - 1 - t : t;
  }
  begin_block_shadow();
  do run_ready_threads();
  while (!fault.kind && (release_parked() || release_warps() || (!fault.kind && release_block())));
}

// The n-th block: a bijection, seeded where the schedule is random.
static unsigned nth_block(unsigned n, unsigned blocks, unsigned stride, unsigned shift) {
  if (launch->schedule == 1) return blocks - 1 - n;
  if (launch->schedule == 2) return unsigned((uint64_t(n) * stride + shift) % blocks);
  return n;
}
static unsigned common_divisor(unsigned a, unsigned b) { return b ? common_divisor(b, a % b) : a; }

extern "C" __attribute__((visibility("default"))) const Fault* cu_run(const Launch* what) {
  launch = what;
  memset(&fault, 0, sizeof fault);
  fault.argument = -1;
  trace_count = 0;
  cu_builtin.prime = what->prime;
  cu_builtin.grid_dim = {what->grid[0], what->grid[1], what->grid[2]};
  cu_builtin.block_dim = {what->block[0], what->block[1], what->block[2]};
  thread_count = int(what->block[0] * what->block[1] * what->block[2]);
  random_state = 88172645463325252ull ^ (what->seed * 0x9e3779b97f4a7c15ull);
  if (!random_state) random_state = 1;
  if (!dynamic_shared) dynamic_shared = (char*)aligned_alloc(1024, MOST_DYNAMIC);
  begin_launch_shadow();
  unsigned blocks = what->grid[0] * what->grid[1] * what->grid[2], stride = 1 + random_below(blocks),
           shift = random_below(blocks);
  while (common_divisor(stride, blocks) != 1) ++stride;
  start_watchdog();
  for (unsigned n = 0; n < blocks && !fault.kind; ++n) run_block(nth_block(n, blocks, stride, shift));
  stop_watchdog();
  if (fault.kind) worker_count = idle_count = 0;  // abandoned stacks start afresh
  now = -1;
  return &fault;
}

extern "C" __attribute__((visibility("default"))) unsigned long cu_traced() { return trace_count; }
