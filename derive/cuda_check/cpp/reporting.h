// The one fault of a launch, and leaving the thread that has it.
#pragma once

static void stop() {
  if (on_worker < 0) return;
  switch_context(&workers[on_worker].context, &scheduler);
  __builtin_unreachable();
}

// A fault is known by its line, with the highest bit set, or else by its place.
static bool known_already(int line, Address place) {
  Address code = line ? Address(line) | Address(1) << 63 : place - (Address)__ehdr_start;
  for (int i = 0; i < launch->known_count; ++i)
    if (launch->known[i] == code) return true;
  return false;
}

static void report(int kind, int line, Address place, const char* format, ...) {
  if (fault.kind) return;
  if (launch->known_count && (kind == RACE || kind == UNINITIALISED) && known_already(line, place)) return;
  fault.kind = kind;
  fault.line = line;
  fault.place = place ? place - (Address)__ehdr_start : 0;
  fault.block[0] = cu_builtin.block.x, fault.block[1] = cu_builtin.block.y,
  fault.block[2] = cu_builtin.block.z;
  if (now >= 0)
    fault.thread[0] = threads[now].index.x, fault.thread[1] = threads[now].index.y,
    fault.thread[2] = threads[now].index.z;
  va_list values;
  va_start(values, format);
  vsnprintf(fault.text, sizeof fault.text, format, values);
  va_end(values);
}
