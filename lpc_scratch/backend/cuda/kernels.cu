// The primitives of reference.py for a GPU, in plain CUDA C; ops.py launches them. Those of images
// follow in image_kernels.cu, in the same compilation.
//
// REAL is float or double, set when the file is compiled. Arrays lie row after row, members
// before rows. Where the members' rows are apart, blockIdx.y is the member, else an array is
// one vector of n elements. Numbers that change from step to step come as pointers: a launch that
// is recorded in a CUDA graph keeps its other arguments for ever.

typedef REAL real;
typedef unsigned long long word;

#define BLOCK 256  // threads of a block that sums

// Position of this thread's element in a vector.
__device__ __forceinline__ long long element()
{
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

// Sum of x over the threads of a block of BLOCK threads, known to all of them.
// The order of the additions is fixed, so the bits are the same every time.
__device__ real block_sum(real x)
{
    __shared__ real partial[BLOCK];
    partial[threadIdx.x] = x;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    real sum = partial[0];
    __syncthreads();  // partial is free for the next sum
    return sum;
}

// ---------------------------------------------------------------- the minibatch

// Row of the training set that is sample b of all members' minibatches of that step, of an order
// (members, samples).
__device__ __forceinline__ long long row_of(const long long* order, const long long* step,
                                            int samples, int batch, int b)
{
    return order[(long long)(b / batch) * samples + *step * batch + b % batch];
}

// losses[step, e] = loss[e], and the step is over. One block.
extern "C" __global__ void end_step(const real* loss, real* losses, long long* step, int members)
{
    for (int e = threadIdx.x; e < members; e += blockDim.x)
        losses[*step * members + e] = loss[e];
    __syncthreads();
    if (threadIdx.x == 0) *step += 1;
}

// Where element i of a minibatch is in a training set with so many features.
__device__ __forceinline__ long long place_of(const long long* order, const long long* step,
                                              int samples, int batch, int features, long long i)
{
    return row_of(order, step, samples, batch, i / features) * features + i % features;
}

// out[r, i] = source[row of r, i] * scale + shift, for pixels in bytes
extern "C" __global__ void gather_bytes(const unsigned char* source, const long long* order,
                                        const long long* step, int samples, int batch,
                                        real scale, real shift, real* out,
                                        int features, long long n)
{
    long long i = element();
    if (i < n)
        out[i] = source[place_of(order, step, samples, batch, features, i)] * scale + shift;
}

// The same for features in float
extern "C" __global__ void gather_floats(const float* source, const long long* order,
                                         const long long* step, int samples, int batch,
                                         real scale, real shift, real* out,
                                         int features, long long n)
{
    long long i = element();
    if (i < n)
        out[i] = source[place_of(order, step, samples, batch, features, i)] * scale + shift;
}

// The same for features in double
extern "C" __global__ void gather_doubles(const double* source, const long long* order,
                                          const long long* step, int samples, int batch,
                                          real scale, real shift, real* out,
                                          int features, long long n)
{
    long long i = element();
    if (i < n)
        out[i] = source[place_of(order, step, samples, batch, features, i)] * scale + shift;
}

// The three with a scale and a shift of every feature
extern "C" __global__ void gather_bytes_by_feature(const unsigned char* source,
                                                   const long long* order, const long long* step,
                                                   int samples, int batch, const real* scale,
                                                   const real* shift, real* out,
                                                   int features, long long n)
{
    long long i = element();
    if (i >= n) return;
    real stored = source[place_of(order, step, samples, batch, features, i)];
    out[i] = stored * scale[i % features] + shift[i % features];
}

extern "C" __global__ void gather_floats_by_feature(const float* source, const long long* order,
                                                    const long long* step, int samples, int batch,
                                                    const real* scale, const real* shift, real* out,
                                                    int features, long long n)
{
    long long i = element();
    if (i >= n) return;
    real stored = source[place_of(order, step, samples, batch, features, i)];
    out[i] = stored * scale[i % features] + shift[i % features];
}

extern "C" __global__ void gather_doubles_by_feature(const double* source, const long long* order,
                                                     const long long* step, int samples, int batch,
                                                     const real* scale, const real* shift,
                                                     real* out,
                                                     int features, long long n)
{
    long long i = element();
    if (i >= n) return;
    real stored = source[place_of(order, step, samples, batch, features, i)];
    out[i] = stored * scale[i % features] + shift[i % features];
}

// out[r] = labels[row of r]
extern "C" __global__ void gather_labels(const long long* labels, const long long* order,
                                         const long long* step, int samples, int batch,
                                         long long* out, long long n)
{
    long long i = element();
    if (i < n) out[i] = labels[row_of(order, step, samples, batch, i)];
}

// ---------------------------------------------------------------- layers

// y[e, b, o] += bias[e, o], with `size` = B O elements a member
extern "C" __global__ void add_bias(real* y, const real* bias, int columns, long long size)
{
    long long i = element(), member = blockIdx.y;
    if (i < size) y[member * size + i] += bias[member * columns + i % columns];
}

// y[e, b, o] = max(y + bias[e, o], 0); a NaN stays one
extern "C" __global__ void add_bias_relu(real* y, const real* bias, int columns, long long size)
{
    long long i = element(), member = blockIdx.y;
    if (i >= size) return;
    real x = y[member * size + i] + bias[member * columns + i % columns];
    y[member * size + i] = x <= 0 ? 0 : x;
}

// Sum of a column, known to the first row of a block that is 32 columns wide and 16 high, of what
// the threads of the column have.
__device__ real sum_of_threads(real sum)
{
    __shared__ real partial[16][32];
    partial[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0)
        for (int row = 1; row < 16; row++) sum += partial[row][threadIdx.x];
    return sum;
}

// The same of a column over rows.
__device__ real column_sum(const real* d, int rows, int columns)
{
    int column = blockIdx.x * 32 + threadIdx.x;
    real sum = 0;
    if (column < columns)
        for (int row = threadIdx.y; row < rows; row += 16)
            sum += d[(long long)row * columns + column];
    return sum_of_threads(sum);
}

// out[e, o] = sum over b of dy[e, b, o]
extern "C" __global__ void sum_rows(const real* dy, real* out, int rows, int columns)
{
    int column = blockIdx.x * 32 + threadIdx.x, member = blockIdx.y;
    real sum = column_sum(dy + (long long)member * rows * columns, rows, columns);
    if (threadIdx.y == 0 && column < columns) out[(long long)member * columns + column] = sum;
}

// dx = dy [y > 0], and out[e, o] = sum over b of dx[e, b, o], in the order of sum_rows. A thread
// first reads what it needs of four rows, so that it waits for memory once and not four times.
extern "C" __global__ void relu_backward_sum(const real* dy, const real* y, real* dx, real* out,
                                             int rows, int columns)
{
    int column = blockIdx.x * 32 + threadIdx.x, member = blockIdx.y;
    long long start = (long long)member * rows * columns + column;
    real sum = 0;
    for (int first = threadIdx.y; column < columns && first < rows; first += 64) {
        real kept[4];
        for (int j = 0, row = first; j < 4; j++, row += 16) {
            long long i = start + (long long)row * columns;
            kept[j] = row < rows ? dy[i] * (y[i] > 0) : 0;
        }
        for (int j = 0, row = first; j < 4 && row < rows; j++, row += 16) {
            dx[start + (long long)row * columns] = kept[j];
            sum += kept[j];
        }
    }
    sum = sum_of_threads(sum);
    if (threadIdx.y == 0 && column < columns) out[(long long)member * columns + column] = sum;
}

// y = max(x, 0); a NaN stays one
extern "C" __global__ void relu(const real* x, real* y, long long n)
{
    long long i = element();
    if (i < n) y[i] = x[i] <= 0 ? 0 : x[i];
}

// dx = dy [y > 0]
extern "C" __global__ void relu_backward(const real* dy, const real* y, real* dx, long long n)
{
    long long i = element();
    if (i < n) dx[i] = dy[i] * (y[i] > 0);
}

// y = x sigmoid(x), sigmoid(x) = (1 + tanh(x/2)) / 2
extern "C" __global__ void silu(const real* x, real* sigmoid, real* y, long long n)
{
    long long i = element();
    if (i >= n) return;
    real s = (real)0.5 + (real)0.5 * tanh((real)0.5 * x[i]);
    sigmoid[i] = s;
    y[i] = x[i] * s;
}

// dx = dy (s + y (1 - s))
extern "C" __global__ void silu_backward(const real* dy, const real* y, const real* sigmoid,
                                         real* dx, long long n)
{
    long long i = element();
    if (i < n) dx[i] = dy[i] * (sigmoid[i] + y[i] * (1 - sigmoid[i]));
}

// y = tanh(x)
extern "C" __global__ void tanh_forward(const real* x, real* y, long long n)
{
    long long i = element();
    if (i < n) y[i] = tanh(x[i]);
}

// dx = dy (1 - y^2)
extern "C" __global__ void tanh_backward(const real* dy, const real* y, real* dx, long long n)
{
    long long i = element();
    if (i < n) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

// out = a + b
extern "C" __global__ void add(const real* a, const real* b, real* out, long long n)
{
    long long i = element();
    if (i < n) out[i] = a[i] + b[i];
}

// out = a b
extern "C" __global__ void multiply(const real* a, const real* b, real* out, long long n)
{
    long long i = element();
    if (i < n) out[i] = a[i] * b[i];
}

// ---------------------------------------------------------------- dropout

// Word number `index` of the generator numpy.random.Philox with that key: Philox 4x64 with ten
// rounds (Salmon, Moraes, Dror and Shaw 2011), whose counter begins at 1.
__device__ word philox(word key0, word key1, word index)
{
    word c0 = index / 4 + 1, c1 = 0, c2 = 0, c3 = 0;
    for (int round = 0; round < 10; round++) {
        word low0 = c0 * 0xD2E7470EE14C6C93ULL, high0 = __umul64hi(c0, 0xD2E7470EE14C6C93ULL);
        word low1 = c2 * 0xCA5A826395121157ULL, high1 = __umul64hi(c2, 0xCA5A826395121157ULL);
        c0 = high1 ^ c1 ^ key0;
        c1 = low1;
        c2 = high0 ^ c3 ^ key1;
        c3 = low0;
        key0 += 0x9E3779B97F4A7C15ULL;
        key1 += 0xBB67AE8584CAA73BULL;
    }
    int lane = index % 4;
    return lane == 0 ? c0 : lane == 1 ? c1 : lane == 2 ? c2 : c3;
}

// mask = 0 where 16 random bits are below `dropped`, else `kept`. A thread makes four elements of
// one word; the draws before this one have used up `draws` times the words of a member's mask.
extern "C" __global__ void dropout_mask(const word* keys, const word* draws, real* mask,
                                        int dropped, real kept, long long size)
{
    long long first = 4 * element(), member = blockIdx.y;
    if (first >= size) return;
    word bits = philox(keys[2 * member], keys[2 * member + 1],
                       *draws * ((size + 3) / 4) + first / 4);
    for (int i = 0; i < 4 && first + i < size; i++, bits >>= 16)
        mask[member * size + first + i] = (int)(bits & 0xFFFF) < dropped ? 0 : kept;
}

// ---------------------------------------------------------------- losses: a block a member

// Log-sum-exp of a row, less its maximum; the maximum goes to *peak.
__device__ real log_sum_exp(const real* s, int classes, real* peak)
{
    real top = s[0], total = 0;
    for (int k = 1; k < classes; k++) top = s[k] > top ? s[k] : top;
    for (int k = 0; k < classes; k++) total += exp(s[k] - top);
    *peak = top;
    return log(total);
}

// loss[e] = mean over b of -log softmax(s)[label], ds = (softmax(s) - onehot) / B
extern "C" __global__ void softmax_cross_entropy(const real* logits, const long long* labels,
                                                 real* loss, real* dlogits,
                                                 int rows, int classes, int label_stride)
{
    long long member = blockIdx.x;
    real sum = 0;
    for (int b = threadIdx.x; b < rows; b += BLOCK) {
        const real* s = logits + (member * rows + b) * classes;
        real* ds = dlogits + (member * rows + b) * classes;
        int label = labels[member * label_stride + b];
        real peak, log_total = log_sum_exp(s, classes, &peak);
        sum += log_total - (s[label] - peak);
        for (int k = 0; k < classes; k++)
            ds[k] = (exp(s[k] - peak - log_total) - (k == label)) / rows;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) loss[member] = sum / rows;
}

// The same of p = softmax(s) in place of s: ds = p (dp - <dp, p>)
extern "C" __global__ void double_softmax_cross_entropy(const real* logits, const long long* labels,
                                                        real* loss, real* dlogits,
                                                        int rows, int classes, int label_stride)
{
    long long member = blockIdx.x;
    real sum = 0;
    for (int b = threadIdx.x; b < rows; b += BLOCK) {
        const real* s = logits + (member * rows + b) * classes;
        real* p = dlogits + (member * rows + b) * classes;
        int label = labels[member * label_stride + b];
        real peak, log_total = log_sum_exp(s, classes, &peak);
        for (int k = 0; k < classes; k++) p[k] = exp(s[k] - peak - log_total);
        log_total = log_sum_exp(p, classes, &peak);
        sum += log_total - (p[label] - peak);
        real inner = 0;  // <dp, p>
        for (int k = 0; k < classes; k++)
            inner += (exp(p[k] - peak - log_total) - (k == label)) / rows * p[k];
        for (int k = 0; k < classes; k++)
            p[k] *= (exp(p[k] - peak - log_total) - (k == label)) / rows - inner;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) loss[member] = sum / rows;
}

// ---------------------------------------------------------------- penalties: a block a member

// Mean of z^2 over a member's batch and coordinates.
__device__ real mean_square(const real* z, int size)
{
    real sum = 0;
    for (int i = threadIdx.x; i < size; i += BLOCK) sum += z[i] * z[i];
    return block_sum(sum) / size;
}

// value = gamma exp(mean z^2), dz = z value 2/(BD)
extern "C" __global__ void exp_penalty(const real* z, const real* gamma, real* value, real* dz,
                                       int rows, int columns, int gamma_stride)
{
    int size = rows * columns;
    long long start = (long long)blockIdx.x * size;
    real v = gamma[blockIdx.x * gamma_stride] * exp(mean_square(z + start, size));
    for (int i = threadIdx.x; i < size; i += BLOCK) dz[start + i] = z[start + i] * (v * 2 / size);
    if (threadIdx.x == 0) value[blockIdx.x] = v;
}

// value = gamma mean z^2, dz = z gamma 2/(BD)
extern "C" __global__ void l2_penalty(const real* z, const real* gamma, real* value, real* dz,
                                      int rows, int columns, int gamma_stride)
{
    int size = rows * columns;
    long long start = (long long)blockIdx.x * size;
    real g = gamma[blockIdx.x * gamma_stride], v = g * mean_square(z + start, size);
    for (int i = threadIdx.x; i < size; i += BLOCK) dz[start + i] = z[start + i] * (g * 2 / size);
    if (threadIdx.x == 0) value[blockIdx.x] = v;
}

// value = gamma mean exp(z^2), dz = z exp(z^2) gamma 2/(BD)
extern "C" __global__ void exp_coordinate_penalty(const real* z, const real* gamma, real* value,
                                                  real* dz, int rows, int columns,
                                                  int gamma_stride)
{
    int size = rows * columns;
    long long start = (long long)blockIdx.x * size;
    real g = gamma[blockIdx.x * gamma_stride], sum = 0;
    for (int i = threadIdx.x; i < size; i += BLOCK) {
        real x = z[start + i], e = exp(x * x);
        sum += e;
        dz[start + i] = e * x * (g * 2 / size);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) value[blockIdx.x] = g * (sum / size);
}

// value = gamma mean over b of e_b, e_b = exp(|z_b|^2 / D), dz_b = z_b e_b gamma 2/(BD)
extern "C" __global__ void exp_sample_penalty(const real* z, const real* gamma, real* value,
                                              real* dz, int rows, int columns, int gamma_stride)
{
    long long start = (long long)blockIdx.x * rows * columns;
    real g = gamma[blockIdx.x * gamma_stride], sum = 0;
    for (int b = threadIdx.x; b < rows; b += BLOCK) {
        const real* row = z + start + (long long)b * columns;
        real square = 0;
        for (int i = 0; i < columns; i++) square += row[i] * row[i];
        real e = exp(square / columns);
        sum += e;
        for (int i = 0; i < columns; i++)
            dz[start + (long long)b * columns + i] = row[i] * (e * (g * 2 / (rows * columns)));
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) value[blockIdx.x] = g * (sum / rows);
}

// ---------------------------------------------------------------- optimisers

// v = momentum v + g + decay p, then p -= rate v
extern "C" __global__ void sgd_step(real* parameters, const real* gradients, real* velocity,
                                    const double* rate, real momentum, real decay, long long n)
{
    long long i = element();
    if (i >= n) return;
    real p = parameters[i], v = momentum * velocity[i] + gradients[i] + decay * p;
    velocity[i] = v;
    parameters[i] = p - (real)*rate * v;
}

// p -= rate m_hat / (sqrt(v_hat) + epsilon); before it p *= 1 - rate shrink (decoupled decay), or
// g += decay p. The moments are kept as sums, m = beta1 m + g and v = beta2 v + g^2; their weights
// (1 - beta) / (1 - beta^step) are in `scale` and `shift`, as in adam.py.
extern "C" __global__ void adam_step(real* parameters, const real* gradients, real* first_moment,
                                     real* second_moment, const long long* step,
                                     const double* rate, double beta1, double beta2,
                                     double epsilon, double shrink, double decay, long long n)
{
    // Two powers in double are dear, so one thread works them out for its block.
    __shared__ double scale, shift;
    if (threadIdx.x == 0) {
        double weight1 = (1 - beta1) / (1 - pow(beta1, (double)*step));
        double root2 = sqrt((1 - beta2) / (1 - pow(beta2, (double)*step)));
        scale = *rate * weight1 / root2;
        shift = epsilon / root2;
    }
    __syncthreads();
    long long i = element();
    if (i >= n) return;
    real p = parameters[i] * (real)(1 - *rate * shrink), g = gradients[i] + (real)decay * p;
    real m = first_moment[i] * (real)beta1 + g, v = second_moment[i] * (real)beta2 + g * g;
    first_moment[i] = m;
    second_moment[i] = v;
    parameters[i] = p - m / (sqrt(v) + (real)shift) * (real)scale;
}
