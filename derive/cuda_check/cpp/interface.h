// What the compiled kernel file and the run-time file share. No standard headers: parsing them would dominate
// compile time.
#pragma once

struct uint3 {
  unsigned x, y, z;
};

namespace cu {

using Address = unsigned long;
using Size = unsigned long;

enum Kind : int {
  NO_FAULT,
  OUT_OF_BOUNDS,
  READ_ONLY,
  RACE,
  UNINITIALISED,
  MISALIGNED,
  BARRIER,
  UNDEFINED,
  ENDLESS,
  STACK,
  STOPPED,
};

// What lanes of a warp do together.
enum Operation : int { WARP_BARRIER = -1, SHUFFLE, VOTE, ACTIVE };

// One parameter of a kernel: the pointee's (or the scalar's) kind letter and size.
struct Parameter {
  char kind;
  bool pointer, writable;
  unsigned size;
};

struct Kernel {
  const char* name;
  void (*run)(void**);
  int count;
  const Parameter* parameters;
  int launch_bound;
};

struct Argument {
  Address low, high;
  int writable, index;
};

struct Launch {
  void (*run)(void**);
  void** values;
  const Argument* arguments;
  int argument_count;
  unsigned grid[3], block[3];
  unsigned dynamic_shared;
  int schedule;  // 0 forward, 1 reverse, 2 random
  unsigned long seed, step_limit;
  int granule;           // bytes that one race cell covers
  unsigned long prime;   // exact mode: the modulus
  struct Access* trace;  // nullptr, or room for trace_capacity records
  unsigned long trace_capacity;
  const Address* known;  // places of faults that are known already: threads go on past them
  int known_count;
};

struct Fault {
  int kind, argument, line, earlier_line, write, size;
  Address place, earlier_place, offset;  // places in the code; offset within the argument
  unsigned block[3], thread[3], other[3];
  int other_block;  // 1: the earlier access came from another block
  char text[240];
};

struct Builtin {
  uint3 thread, block, block_dim, grid_dim;
  unsigned long prime;
};

struct Access {
  Address address;
  Address place;
  unsigned thread, block;
  int argument;
  unsigned short size, write;
};

}  // namespace cu

extern "C" {
// Constant for the thread that reads it, so that its reads need no check.
#ifndef CU_RUNTIME
extern const cu::Builtin cu_builtin;
#endif
void* cu_dynamic_shared();
int cu_barrier(int predicate, int line);
long long cu_clock();
void cu_warp_barrier(unsigned mask, int line);
int cu_exchange(unsigned mask, void* value, int size, int source, int operation, int line);
void cu_atomic(const void* address, int size, int line);
void cu_stopped(const char* text, int line);
void cu_copy_check(const void* address, unsigned long size, int write, int line);
}
