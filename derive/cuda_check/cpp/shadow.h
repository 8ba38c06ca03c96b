// Who touched which bytes: bounds, constness, initialisation, and races by happens-before, whatever the
// schedule.
//
// Order comes from __syncthreads (a new epoch for the block), from __syncwarp (a clock a lane, joined over
// the mask), and from nothing else: blocks are unordered, and shuffles and atomics order no memory.
#pragma once

enum Shape : uint8_t { NOBODY, ONE, LANES, WARPS, BLOCKS };  // who is in a record; all but ONE are sets
struct Record {
  uint32_t epoch, clock, place;
  uint16_t thread;
  Shape shape;
};  // clock of LANES: the index of its vector
struct Cell {
  Record write, read, atomic;
};
struct Span {
  Address low, high;
  Cell* cells;
};  // cells: nullptr where nothing may write
enum Mode { READ, WRITE, ATOMIC };

static Span shared_static, shared_dynamic, variables, argument_spans[64];
static Cell *arena, *static_cells, *dynamic_cells, *variable_cells;
static size_t arena_size, static_size, dynamic_size, variable_size;
static uint32_t epoch, launch_epoch, block_epoch;
static uint32_t lane_clock[MOST_THREADS][32];
static uint32_t (*vectors)[32];
static uint32_t vector_count, vector_capacity;

extern "C" {
extern char _DYNAMIC[] __attribute__((weak, visibility("hidden")));
extern unsigned char __start_cu_constant[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_cu_constant[] __attribute__((weak, visibility("hidden")));
extern unsigned char __start_cu_variable[] __attribute__((weak, visibility("hidden")));
extern unsigned char __stop_cu_variable[] __attribute__((weak, visibility("hidden")));
}

static size_t cells_for(size_t bytes) {
  return (bytes + size_t(launch->granule) - 1) / size_t(launch->granule) + 1;
}

static Cell* grown(Cell*& cells, size_t& size, size_t wanted) {
  if (wanted > size) free(cells), cells = (Cell*)calloc(wanted, sizeof(Cell)), size = wanted;
  return cells;
}

// Arguments that overlap share their cells, so that aliased pointers race as one array.
static void lay_out_arguments() {
  const Argument* list = launch->arguments;
  size_t used = 0, starts[64];
  for (int i = 0; i < launch->argument_count; ++i) {
    Address low = list[i].low, high = list[i].high;
    bool writable = false;
    for (int round = 0; round <= i; ++round)
      for (int j = 0; j < launch->argument_count; ++j)
        if (list[j].low < high && low < list[j].high) {
          writable |= list[j].writable != 0;
          if (list[j].low < low) low = list[j].low;
          if (list[j].high > high) high = list[j].high;
        }
    argument_spans[i] = {low, high, nullptr};
    starts[i] = SIZE_MAX;
    for (int j = 0; j < i; ++j)
      if (argument_spans[j].low == low) starts[i] = starts[j];
    if (writable && starts[i] == SIZE_MAX) starts[i] = used, used += cells_for(high - low);
  }
  grown(arena, arena_size, used);
  for (int i = 0; i < launch->argument_count; ++i)
    if (starts[i] != SIZE_MAX) argument_spans[i].cells = arena + starts[i];
}

static void begin_launch_shadow() {
  static bool started;
  if (!started)
    for (int t = 0; t < MOST_THREADS; ++t) lane_clock[t][t & 31] = 1;
  started = true;
  if (epoch > 3000000000u) {  // before the counter wraps, forget everything
    free(arena), free(static_cells), free(dynamic_cells), free(variable_cells);
    arena = static_cells = dynamic_cells = variable_cells = nullptr;
    arena_size = static_size = dynamic_size = variable_size = epoch = 0;
  }
  launch_epoch = ++epoch;
  vector_count = 0;
  lay_out_arguments();
  size_t fixed = __start_cu_shared ? size_t(__stop_cu_shared - __start_cu_shared) : 0;
  shared_static = {(Address)__start_cu_shared, (Address)__start_cu_shared + fixed,
                   grown(static_cells, static_size, cells_for(fixed))};
  shared_dynamic = {(Address)dynamic_shared, (Address)dynamic_shared + launch->dynamic_shared,
                    grown(dynamic_cells, dynamic_size, cells_for(launch->dynamic_shared))};
  size_t global = __start_cu_variable ? size_t(__stop_cu_variable - __start_cu_variable) : 0;
  variables = {(Address)__start_cu_variable, (Address)__start_cu_variable + global,
               grown(variable_cells, variable_size, cells_for(global))};
}
static void begin_block_shadow() { block_epoch = ++epoch; }
static void barrier_passed() { ++epoch; }

static void warp_passed(const int* lanes, int count) {
  uint32_t joined[32] = {};
  for (int i = 0; i < count; ++i)
    for (int l = 0; l < 32; ++l)
      if (lane_clock[lanes[i]][l] > joined[l]) joined[l] = lane_clock[lanes[i]][l];
  for (int i = 0; i < count; ++i) {
    memcpy(lane_clock[lanes[i]], joined, sizeof joined);
    ++lane_clock[lanes[i]][lanes[i] & 31];
  }
}

static bool same_warp(int a, int b) { return a >> 5 == b >> 5; }
static bool stale(const Record& r, bool shared) {
  return !r.shape || r.epoch < (shared ? block_epoch : launch_epoch);
}

// Is some access in the record, by another thread, unordered with what this thread does now?
static bool conflicts(const Record& r, bool shared) {
  if (stale(r, shared)) return false;
  if (r.shape == BLOCKS || r.epoch < block_epoch) return true;
  if (r.epoch < epoch) return false;
  if (r.shape == WARPS) return true;
  if (r.shape == ONE) {
    if (r.thread == now) return false;
    return !same_warp(r.thread, now) || lane_clock[now][r.thread & 31] < r.clock;
  }
  if (!same_warp(r.thread, now)) return true;
  for (int l = 0; l < 32; ++l)
    if (l != (now & 31) && vectors[r.clock][l] > lane_clock[now][l]) return true;
  return false;
}

static uint32_t new_vector() {
  if (vector_count == vector_capacity) {
    vector_capacity = vector_capacity ? 2 * vector_capacity : 1024;
    vectors = (uint32_t (*)[32])realloc(vectors, vector_capacity * sizeof *vectors);
  }
  memset(vectors[vector_count], 0, sizeof *vectors);
  return vector_count++;
}

static void insert(Record& r, bool shared, uint32_t place) {
  uint32_t mine = lane_clock[now][now & 31];
  uint16_t self = uint16_t(now);
  if (stale(r, shared) || (r.shape != BLOCKS && r.epoch >= block_epoch && r.epoch < epoch)) {
    r = {epoch, mine, place, self, ONE};
    return;
  }
  if (r.shape == BLOCKS || r.epoch < block_epoch) {
    r = {epoch, 0, place, self, BLOCKS};
    return;
  }
  if (r.shape == WARPS || !same_warp(r.thread, now)) {
    r = {epoch, 0, place, self, WARPS};
    return;
  }
  if (r.shape == ONE) {
    if (r.thread == now || lane_clock[now][r.thread & 31] >= r.clock) {
      r = {epoch, mine, place, self, ONE};
      return;
    }
    uint32_t vector = new_vector();
    vectors[vector][r.thread & 31] = r.clock;
    r.clock = vector, r.shape = LANES;
  }
  vectors[r.clock][now & 31] = mine;
  r.thread = self, r.place = place;
}

static void race(const Record& r, const char* earlier, Address place, int line) {
  report(RACE, line, place, "%s", earlier);
  if (!fault.kind) return;
  if (r.place >> 31) fault.earlier_line = int(r.place & 0x7fffffffu);
  else fault.earlier_place = r.place;
  fault.other_block = r.shape == BLOCKS || r.epoch < block_epoch;
  const uint3& other = threads[r.thread].index;
  fault.other[0] = other.x, fault.other[1] = other.y, fault.other[2] = other.z;
}

static void touch(Cell& cell, Mode mode, bool shared, Address place, int line) {
  uint32_t code = line ? uint32_t(line) | 0x80000000u : uint32_t(place - (Address)__ehdr_start);
  if (shared && mode != WRITE && stale(cell.write, true)) park();
  if (shared && mode != WRITE && stale(cell.write, true)) {
    report(UNINITIALISED, line, place, "uninitialised");
    return;
  }
  if (conflicts(cell.write, shared)) {
    race(cell.write, "write", place, line);
    return;
  }
  if (mode != READ && conflicts(cell.read, shared)) {
    race(cell.read, "read", place, line);
    return;
  }
  if (mode != ATOMIC && conflicts(cell.atomic, shared)) {
    race(cell.atomic, "atomic operation", place, line);
    return;
  }
  if (mode == READ) insert(cell.read, shared, code);
  if (mode == ATOMIC) insert(cell.atomic, shared, code);
  if (mode != WRITE) return;
  cell.write = {epoch, lane_clock[now][now & 31], code, uint16_t(now), ONE};
  cell.read.shape = cell.atomic.shape = NOBODY;
}

static void touch_span(const Span& span, Address address, size_t size, Mode mode, bool shared, Address place,
                       int line) {
  if (!span.cells) return;
  size_t granule = size_t(launch->granule), first = (address - span.low) / granule,
         last = (address + size - 1 - span.low) / granule;
  for (size_t cell = first; cell <= last && !fault.kind; ++cell)
    touch(span.cells[cell], mode, shared, place, line);
}

static bool within(Address address, size_t size, Address low, Address high) {
  return address >= low && address + size <= high;
}

static void outside(Address address, Address place, int line) {
  Address best = 1ul << 40;
  report(OUT_OF_BOUNDS, line, place, "out of bounds");
  auto consider = [&](Address low, Address high, int index) {
    Address distance = address < low ? low - address : address >= high ? address - high : 0;
    if (low < high && distance < best) best = distance, fault.argument = index, fault.offset = address - low;
  };
  consider(shared_static.low, shared_static.high, -2);
  consider(shared_dynamic.low, shared_dynamic.high, -3);
  for (int i = 0; i < launch->argument_count; ++i)
    consider(launch->arguments[i].low, launch->arguments[i].high, launch->arguments[i].index);
}
