// Our own definitions of what -fsanitize=thread,undefined calls; no sanitizer library is linked.
#pragma once

static void record(Address address, size_t size, Mode mode, int argument, Address place) {
  if (trace_count >= launch->trace_capacity) return;
  unsigned block = cu_builtin.block.x +
                   cu_builtin.grid_dim.x * (cu_builtin.block.y + cu_builtin.grid_dim.y * cu_builtin.block.z);
  launch->trace[trace_count++] = {address,
                                  place ? place - (Address)__ehdr_start : 0,
                                  unsigned(now),
                                  block,
                                  argument,
                                  (unsigned short)size,
                                  (unsigned short)mode};
}

static void known(int argument, const Span& span, Address low, Address address, size_t size, Mode mode,
                  bool aligned, Address place, int line) {
  fault.argument = argument;
  fault.offset = address - low;
  if (aligned && address % (size < 16 ? size : 16)) report(MISALIGNED, line, place, "misaligned");
  else touch_span(span, address, size, mode, argument == -2 || argument == -3, place, line);
  if (!fault.kind) {
    fault.argument = -1;
    if (launch->trace) record(address, size, mode, argument, place);
  }
}

static void find(Address address, size_t size, Mode mode, bool aligned, Address place, int line) {
  if (within(address, size, shared_static.low, shared_static.high)) {
    known(-2, shared_static, shared_static.low, address, size, mode, aligned, place, line);
    return;
  }
  if (within(address, size, shared_dynamic.low, shared_dynamic.high)) {
    known(-3, shared_dynamic, shared_dynamic.low, address, size, mode, aligned, place, line);
    return;
  }
  if (within(address, size, variables.low, variables.high)) {
    known(-5, variables, variables.low, address, size, mode, aligned, place, line);
    return;
  }
  int read_only = -1;
  for (int i = 0; i < launch->argument_count; ++i) {
    const Argument& argument = launch->arguments[i];
    if (!within(address, size, argument.low, argument.high)) continue;
    if (mode != READ && !argument.writable) {
      read_only = i;
      continue;
    }
    known(argument.index, argument_spans[i], argument.low, address, size, mode, aligned, place, line);
    return;
  }
  bool constant = within(address, size, (Address)__start_cu_constant, (Address)__stop_cu_constant) ||
                  within(address, size, (Address)__ehdr_start, (Address)_DYNAMIC);
  if (read_only >= 0) {
    fault.argument = launch->arguments[read_only].index,
    fault.offset = address - launch->arguments[read_only].low;
    report(READ_ONLY, line, place, "read only");
  } else if (!constant) outside(address, place, line);
  else if (mode != READ) fault.argument = -4, report(READ_ONLY, line, place, "constant memory");
}

static void access(const void* pointer, size_t size, Mode mode, bool aligned, Address place, int line) {
  Address address = (Address)pointer;
  if (on_worker < 0) return;
  if (address - (Address)&cu_builtin < sizeof cu_builtin) return;  // clang checks reads of constants, too
  if (address - (Address)workers[on_worker].stack < STACK_BYTES || !size) return;
  find(address, size, mode, aligned, place, line);
  if (!fault.kind) return;
  fault.write = mode != READ, fault.size = int(size);
  stop();
}

#define HERE ((Address)__builtin_return_address(0))
#define CU_ACCESS(N)                                                               \
  void __tsan_read##N(void* p) { access(p, N, READ, true, HERE, 0); }              \
  void __tsan_write##N(void* p) { access(p, N, WRITE, true, HERE, 0); }            \
  void __tsan_unaligned_read##N(void* p) { access(p, N, READ, false, HERE, 0); }   \
  void __tsan_unaligned_write##N(void* p) { access(p, N, WRITE, false, HERE, 0); } \
  void __tsan_volatile_read##N(void* p) { access(p, N, READ, true, HERE, 0); }     \
  void __tsan_volatile_write##N(void* p) { access(p, N, WRITE, true, HERE, 0); }   \
  void __tsan_read_write##N(void* p) {                                             \
    access(p, N, READ, true, HERE, 0), access(p, N, WRITE, true, HERE, 0);         \
  }                                                                                \
  void __tsan_unaligned_read_write##N(void* p) {                                   \
    access(p, N, READ, false, HERE, 0), access(p, N, WRITE, false, HERE, 0);       \
  }

extern "C" {
CU_ACCESS(1)
CU_ACCESS(2) CU_ACCESS(4) CU_ACCESS(8) CU_ACCESS(16) void __tsan_read_range(void* p, unsigned long size) {
  access(p, size, READ, false, HERE, 0);
}
void __tsan_write_range(void* p, unsigned long size) { access(p, size, WRITE, false, HERE, 0); }
void* __tsan_memcpy(void* to, const void* from, unsigned long size) {
  access(from, size, READ, false, HERE, 0), access(to, size, WRITE, false, HERE, 0);
  return memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, unsigned long size) {
  access(from, size, READ, false, HERE, 0), access(to, size, WRITE, false, HERE, 0);
  return memmove(to, from, size);
}
void* __tsan_memset(void* to, int byte, unsigned long size) {
  access(to, size, WRITE, false, HERE, 0);
  return memset(to, byte, size);
}
void __tsan_func_entry(void*) {
  if (on_worker < 0 || (Address)__builtin_frame_address(0) - (Address)workers[on_worker].stack >= 4096)
    return;
  report(STACK, 0, HERE, "the stack of one thread is exhausted");
  stop();
}
void __tsan_func_exit() {}
void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __sanitizer_cov_trace_pc() {
  if (on_worker >= 0) count_steps(1, 0, HERE);
}  // constructors call it too
void cu_vector(void* to, const void* from, unsigned size, int line) {
  access(from, size, READ, true, HERE, line), access(to, size, WRITE, true, HERE, line);
  memcpy(to, from, size);
}
void cu_atomic(const void* p, int size, int line) { access(p, size_t(size), ATOMIC, true, 0, line); }
void cu_copy_check(const void* p, unsigned long size, int write, int line) {
  access(p, size, write ? WRITE : READ, false, 0, line);
}
}

// Every undefined-behaviour record starts with its source location.
struct Location {
  const char* file;
  uint32_t line, column;
};
struct TypeName {
  uint16_t kind, info;
  char name[1];
};
struct IndexData {
  Location at;
  TypeName *array, *index;
};
struct TypeData {
  Location at;
  TypeName* type;
  unsigned char log_alignment, kind;
};

static void undefined(int kind, const void* data, Address place, const char* what, const char* detail) {
  const Location* at = (const Location*)data;
  bool of_user =
      at->file && !strncmp(at->file, "unit", 4);  // else a header of ours, inlined in the user's line
  report(kind, of_user ? int(at->line) : 0, of_user ? 0 : place, "%s%s", what, detail);
  stop();
}

extern "C" {
void __ubsan_handle_out_of_bounds(IndexData* data, unsigned long index) {
  char text[160];
  snprintf(text, sizeof text, "index %ld is outside an array of type %s", long(int64_t(index)),
           data->array->name);
  undefined(OUT_OF_BOUNDS, data, HERE, text, "");
}
void __ubsan_handle_type_mismatch_v1(TypeData* data, unsigned long pointer) {
  unsigned long alignment = 1ul << data->log_alignment;
  fault.offset = pointer;
  if (!pointer) undefined(OUT_OF_BOUNDS, data, HERE, "a null pointer is read as ", data->type->name);
  if (pointer & (alignment - 1))
    undefined(MISALIGNED, data, HERE, "the address is not aligned for ", data->type->name);
  undefined(OUT_OF_BOUNDS, data, HERE, "the object has too few bytes for ", data->type->name);
}
void __ubsan_handle_pointer_overflow(const void* data, unsigned long base, unsigned long) {
  undefined(base ? UNDEFINED : OUT_OF_BOUNDS, data, HERE,
            base ? "overflow in pointer arithmetic" : "a null pointer is indexed", "");
}
#define CU_UNDEFINED(NAME, TEXT) \
  void __ubsan_handle_##NAME(const void* data, ...) { undefined(UNDEFINED, data, HERE, TEXT, ""); }
CU_UNDEFINED(add_overflow, "signed overflow in +")
CU_UNDEFINED(sub_overflow, "signed overflow in -")
CU_UNDEFINED(mul_overflow, "signed overflow in *")
CU_UNDEFINED(negate_overflow, "signed overflow in negation")
CU_UNDEFINED(divrem_overflow, "division by zero or overflow in a division")
CU_UNDEFINED(shift_out_of_bounds, "a shift by a negative amount or by more than the type's width")
CU_UNDEFINED(load_invalid_value, "a value that its type does not have")
CU_UNDEFINED(float_cast_overflow, "a float outside the range of the integer type")
CU_UNDEFINED(vla_bound_not_positive, "an array of no elements")
CU_UNDEFINED(nonnull_arg, "a null pointer passed where none may be")
CU_UNDEFINED(nonnull_return_v1, "a null pointer returned where none may be")
CU_UNDEFINED(builtin_unreachable, "code that was promised to be unreachable")
CU_UNDEFINED(missing_return, "no value returned")
CU_UNDEFINED(invalid_builtin, "an argument outside a built-in function's range")
CU_UNDEFINED(alignment_assumption, "an address that is not aligned as promised")
}
