// Makes CUDA C a C++17 program for Linux: one block runs after another, on one thread of the host.
//
// The threads of a block are fibres. One runs until it ends or waits in __syncthreads(); when all
// that have not ended wait, they go on in the same order. So every run is the same, and a missing
// barrier shows when the threads run from the first to the last, or from the last to the first.
// Shared memory is filled with NaN before every block, so that nothing relies on what was there.

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared")))
#define __syncthreads() shim::wait_for_block(__LINE__)

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

// ---------------------------------------------------------------- functions of CUDA

static inline float rsqrt(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float rsqrtf(float x) { return rsqrt(x); }

template <class A, class B>
static constexpr std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B>
static constexpr std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }

static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned __int128)a * b >> 64;
}

template <class T>
static T __ldg(const T* p) { return *p; }

template <class T>
static T atomicAdd(T* p, std::common_type_t<T> x)
{
    T old = *p;
    *p = old + x;
    return old;
}

// ---------------------------------------------------------------- the threads of a block

namespace shim {

// The linker gives a section with such a name these two symbols, once it has a variable.
extern char shared_start[] __asm__("__start_cuda_shared");
extern char shared_end[] __asm__("__stop_cuda_shared");
__shared__ char present __attribute__((used));

// One fibre runs threads, one after another, until one of them waits; that one keeps the fibre.
struct Fibre {
    jmp_buf here;
    bool started, waiting;
    uint3 thread;
    int line;  // of the barrier
};

static const unsigned most_threads = 1024, stack_size = 1 << 16;
static Fibre fibres[most_threads], *current;
static jmp_buf scheduler;
static unsigned next_thread, threads;
static bool backwards;
static void (*body)(void*);
static void* closure;

template <class Index>
static uint3 position(Index i, dim3 sizes)
{
    Index row = i / sizes.x;
    return {unsigned(i % sizes.x), unsigned(row % sizes.y), unsigned(row / sizes.y)};
}

// Go back to the scheduler until it resumes this fibre. It must not be inlined: no variable of
// the caller may change between the two returns of _setjmp.
static __attribute__((noinline)) void leave()
{
    if (!_setjmp(current->here)) _longjmp(scheduler, 1);
}

static __attribute__((noinline)) void wait_for_block(int line)
{
    current->waiting = true;
    current->line = line;
    leave();
}

static void run_threads()
{
    for (;; leave())
        while (next_thread < threads) {
            unsigned thread = backwards ? threads - 1 - next_thread : next_thread;
            next_thread++;
            threadIdx = current->thread = position(thread, blockDim);
            body(closure);
        }
}

// makecontext makes a stack. After that _setjmp and _longjmp do, which call no kernel of the host.
static __attribute__((noinline)) void resume(Fibre* fibre)
{
    current = fibre;
    fibre->waiting = false;
    threadIdx = fibre->thread;
    if (_setjmp(scheduler)) return;
    if (fibre->started) _longjmp(fibre->here, 1);
    fibre->started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = malloc(stack_size);
    // Tops of stacks that lie a power of two apart would compete for the same lines of the cache.
    context.uc_stack.ss_size = stack_size - (fibre - fibres) % 64 * 256;
    makecontext(&context, run_threads, 0);
    setcontext(&context);
}

static const char* run_block()
{
    const char* error = nullptr;
    memset(shared_start, 0xFF, shared_end - shared_start);
    next_thread = 0;
    unsigned used = 0;
    while (next_thread < threads) resume(&fibres[used++]);
    for (bool waiting = true; waiting;) {
        waiting = false;
        int line = 0;
        for (Fibre* fibre = fibres; fibre < fibres + used; fibre++) {
            if (!fibre->waiting) continue;
            if (line && fibre->line != line)
                error = "threads of a block wait at different barriers";
            line = fibre->line;
            waiting = true;
        }
        for (Fibre* fibre = fibres; fibre < fibres + used; fibre++)
            if (fibre->waiting) resume(fibre);
    }
    return error;
}

// `sizes` are the grid's, the block's, and whether threads and blocks run from the last.
// Returns what went wrong, or null.
static const char* run_grid(const unsigned* sizes)
{
    gridDim = {sizes[0], sizes[1], sizes[2]};
    blockDim = {sizes[3], sizes[4], sizes[5]};
    backwards = sizes[6];
    threads = blockDim.x * blockDim.y * blockDim.z;
    unsigned long long blocks = (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
    const char* error = nullptr;
    for (unsigned long long i = 0; i < blocks && !error; i++) {
        blockIdx = position(backwards ? blocks - 1 - i : i, gridDim);
        error = run_block();
    }
    return error;
}

// ---------------------------------------------------------------- kernels for Python

// A parameter in four letters: r or w for a pointer that is read only or not, v for a value;
// then the NumPy type, such as f4 or i8; then a blank.
struct Parameter {
    char access, kind, size, blank;
};

template <class T>
constexpr Parameter parameter()
{
    using Number = std::remove_pointer_t<T>;
    using Plain = std::remove_cv_t<Number>;
    static_assert(std::is_arithmetic_v<Plain>, "a parameter is a number or a pointer to numbers");
    return {
        !std::is_pointer_v<T> ? 'v' : std::is_const_v<Number> ? 'r' : 'w',
        std::is_same_v<Plain, bool>         ? 'b'
        : std::is_floating_point_v<Plain> ? 'f'
        : std::is_unsigned_v<Plain>       ? 'u'
                                          : 'i',
        char('0' + sizeof(Number)),
        ' ',
    };
}

template <auto Kernel>
struct Launcher;

template <class... A, void (*Kernel)(A...)>
struct Launcher<Kernel> {
    static constexpr Parameter signature[] = {parameter<A>()..., {}};

    static const char* run(const unsigned* sizes, A... arguments)
    {
        auto call = [&] { Kernel(arguments...); };
        body = [](void* function) { (*(decltype(call)*)function)(); };
        closure = &call;
        return run_grid(sizes);
    }
};

}  // namespace shim

// What Python asks for: the launcher of a kernel, and its signature.
#define EXPORT extern "C" __attribute__((visibility("default")))
#define EXPORT_KERNEL(name)                                                                      \
    EXPORT void* launcher_of_##name() { return (void*)shim::Launcher<&name>::run; }              \
    EXPORT const void* signature_of_##name() { return shim::Launcher<&name>::signature; }
