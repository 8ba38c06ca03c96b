// Switching stacks: eleven instructions on x86-64, ucontext elsewhere.
#pragma once
#include <stdlib.h>

#if defined(__x86_64__) && !defined(_WIN32) && !defined(CU_UCONTEXT)
struct Context {
  void* stack_pointer;
};
asm(R"(
.text
cu_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov (%rsi), %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
)");
extern "C" void cu_switch(Context* from, Context* to) __asm__("cu_switch");
static void switch_context(Context* from, Context* to) { cu_switch(from, to); }
static void prepare(Context* context, char* stack, size_t size, void (*start)()) {
  void** top = (void**)(((uintptr_t)stack + size) & ~(uintptr_t)63);
  *--top = nullptr;
  *--top = (void*)start;
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  context->stack_pointer = top;
}
#else
#include <ucontext.h>
struct Context {
  ucontext_t state;
};
static void switch_context(Context* from, Context* to) { swapcontext(&from->state, &to->state); }
static void prepare(Context* context, char* stack, size_t size, void (*start)()) {
  getcontext(&context->state);
  context->state.uc_stack.ss_sp = stack;
  context->state.uc_stack.ss_size = size;
  context->state.uc_link = nullptr;
  makecontext(&context->state, start, 0);
}
#endif
