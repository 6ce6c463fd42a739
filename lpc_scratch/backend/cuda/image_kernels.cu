
// The primitives of image_reference.py; image_ops.py launches them. This is compiled behind
// kernels.cu.
//
// Images lie one after the other, those of a member before those of the next, each as rows,
// columns, channels. A thread makes one number of the result and gathers what that is made of, so
// that no two write to the same one. Sums over many rows have two stages; see sums.py.

// Of an image, of the windows on it, and of the h rows and w columns of places that windows have.
#define WINDOWS int H, int W, int C, int kh, int kw, int sh, int sw, int top, int left, int h, int w

// First and last place, along one axis, of the windows of k pixels that see pixel p. Where the
// first is the larger one, none does.
__device__ int first_place(int p, int k, int step) { return p < k ? 0 : (p - k) / step + 1; }
__device__ int last_place(int p, int step, int places) { return min(p / step, places - 1); }

// ---------------------------------------------------------------- convolution

// seen[b, y, x, i, j, c] = image[b, y sh + i - top, x sw + j - left, c], or 0 outside. A row of a
// window is a stretch of a row of the image, and neither has to know where its channels begin.
extern "C" __global__ void patches(const real* image, real* seen, WINDOWS, long long n)
{
    long long number = element();
    if (number >= n) return;
    int stretch = kw * C, size = kh * stretch, places = h * w;
    long long place = number / size, b = place / places;
    int within = number % size, at = place % places;
    int row = at / w * sh - top + within / stretch;
    int offset = (at % w * sw - left) * C + within % stretch;
    bool inside = row >= 0 && row < H && offset >= 0 && offset < W * C;
    seen[number] = inside ? image[(b * H + row) * W * C + offset] : 0;
}

// dimage[b, y, x, c] = sum of dseen over the places of windows that saw the pixel
extern "C" __global__ void patches_backward(const real* dseen, real* dimage, WINDOWS, long long n)
{
    long long number = element();
    if (number >= n) return;
    int c = number % C;
    long long pixel = number / C, b = pixel / W / H;
    int y = pixel / W % H + top, x = pixel % W + left;
    int first_y = first_place(y, kh, sh), first_x = first_place(x, kw, sw);
    real sum = 0;
    for (int i = last_place(y, sh, h); i >= first_y; i--)
        for (int j = last_place(x, sw, w); j >= first_x; j--) {
            long long place = (b * h + i) * w + j;
            sum += dseen[((place * kh + y - i * sh) * kw + x - j * sw) * C + c];
        }
    dimage[number] = sum;
}

// ---------------------------------------------------------------- pooling

// y = the largest of a window, position = the first place of it there; a NaN stays one
extern "C" __global__ void max_pool(const real* image, real* y, unsigned char* position, WINDOWS,
                                    long long n)
{
    long long number = element();
    if (number >= n) return;
    int c = number % C;
    long long place = number / C, b = place / w / h;
    long long corner = (b * H + place / w % h * sh) * W + place % w * sw;
    real largest = image[corner * C + c];
    int where = 0;
    for (int i = 0; i < kh; i++)
        for (int j = 0; j < kw; j++) {
            real value = image[(corner + i * W + j) * C + c];
            if (value > largest) where = i * kw + j;
            if (value > largest || value != value) largest = value;
        }
    y[number] = largest;
    position[number] = where;
}

// dimage = the sum of dy over the windows whose largest the pixel was
extern "C" __global__ void max_pool_backward(const real* dy, const unsigned char* position,
                                             real* dimage, WINDOWS, long long n)
{
    long long number = element();
    if (number >= n) return;
    int c = number % C;
    long long pixel = number / C, b = pixel / W / H;
    int y = pixel / W % H, x = pixel % W;
    int first_y = first_place(y, kh, sh), first_x = first_place(x, kw, sw);
    real sum = 0;
    for (int i = last_place(y, sh, h); i >= first_y; i--)
        for (int j = last_place(x, sw, w); j >= first_x; j--) {
            long long k = ((b * h + i) * w + j) * C + c;
            if (position[k] == (y - i * sh) * kw + x - j * sw) sum += dy[k];
        }
    dimage[number] = sum;
}

// y[b, c] = mean of image[b, pixel, c]
extern "C" __global__ void average_pool(const real* image, real* y, int pixels, int C, long long n)
{
    long long number = element();
    if (number >= n) return;
    const real* first = image + number / C * pixels * C + number % C;
    real sum = 0;
    for (int pixel = 0; pixel < pixels; pixel++) sum += first[(long long)pixel * C];
    y[number] = sum / pixels;
}

// dimage[b, pixel, c] = dy[b, c] / pixels
extern "C" __global__ void average_pool_backward(const real* dy, real* dimage, int pixels, int C,
                                                 long long n)
{
    long long number = element();
    if (number < n) dimage[number] = dy[number / C / pixels * C + number % C] / pixels;
}

// ---------------------------------------------------------------- sums over slabs of rows

// Which numbers of a matrix (rows, columns) a thread of the first stage adds up: those of one column
// in every `lines`-th row of a slab. The block reads `width` neighbouring columns in `lines` rows.
struct Share {
    int width, lines, column, slab;
    long long row, end, member;

    __device__ Share(long long rows, int columns, int height)
    {
        width = min(columns, BLOCK);
        lines = BLOCK / width;
        slab = blockIdx.x;
        member = blockIdx.z;
        column = blockIdx.y * width + threadIdx.x % width;
        end = (slab + 1LL) * height < rows ? (slab + 1LL) * height : rows;
        row = (long long)slab * height + threadIdx.x / width;
        if (threadIdx.x >= width * lines || column >= columns) row = end;  // has nothing to do
    }

    // Whether this thread writes what its column's threads have found.
    __device__ bool writes(int columns) { return threadIdx.x < width && column < columns; }

    // Sum of x over the threads of a column, known to all of them.
    __device__ real sum(real x)
    {
        __shared__ real partial[BLOCK];
        partial[threadIdx.x] = x;
        __syncthreads();
        if (threadIdx.x < width)
            for (int line = 1; line < lines; line++) x += partial[line * width + threadIdx.x];
        __syncthreads();
        if (threadIdx.x < width) partial[threadIdx.x] = x;
        __syncthreads();
        x = partial[threadIdx.x % width];
        __syncthreads();  // partial is free for the next sum
        return x;
    }
};

// partial[e, slab, c] = sum of x[e, row, c] over the slab's rows
extern "C" __global__ void slab_sums(const real* x, real* partial, long long rows, int columns,
                                     int height)
{
    Share share(rows, columns, height);
    const real* own = x + share.member * rows * columns + share.column;
    real sum = 0;
    for (long long row = share.row; row < share.end; row += share.lines) sum += own[row * columns];
    sum = share.sum(sum);
    if (share.writes(columns))
        partial[(share.member * gridDim.x + share.slab) * columns + share.column] = sum;
}

// The mean of every column of a slab, and the sum of squares around it.
extern "C" __global__ void slab_moments(const real* x, real* means, real* squares, long long rows,
                                        int columns, int height)
{
    Share share(rows, columns, height);
    const real* own = x + share.member * rows * columns + share.column;
    real sum = 0, square = 0;
    for (long long row = share.row; row < share.end; row += share.lines) sum += own[row * columns];
    real mean = share.sum(sum) / (share.end - (long long)share.slab * height);
    for (long long row = share.row; row < share.end; row += share.lines) {
        real centred = own[row * columns] - mean;
        square += centred * centred;
    }
    square = share.sum(square);
    if (share.writes(columns)) {
        long long i = (share.member * gridDim.x + share.slab) * columns + share.column;
        means[i] = mean;
        squares[i] = square;
    }
}

// Mean and variance of every column, of those of the slabs: the squares of a slab around the mean of
// all are those around its own, and as many times the square between the two means.
extern "C" __global__ void whole_moments(const real* means, const real* squares, real* mean,
                                         real* variance, long long rows, int columns, int height,
                                         int slabs)
{
    __shared__ real partial[16][32];
    int column = blockIdx.x * 32 + threadIdx.x;
    long long member = blockIdx.y, first = member * slabs * columns + column;
    real center = 0;
    for (int pass = 0; pass < 2; pass++) {
        real sum = 0;
        if (column < columns)
            for (int slab = threadIdx.y; slab < slabs; slab += 16) {
                long long i = first + (long long)slab * columns, left = rows - (long long)slab * height;
                real share = (real)(left < height ? left : height) / rows, m = means[i];
                sum += pass == 0 ? share * m
                                 : share * (m - center) * (m - center) + squares[i] / rows;
            }
        partial[threadIdx.y][threadIdx.x] = sum;
        __syncthreads();
        sum = 0;
        for (int row = 0; row < 16; row++) sum += partial[row][threadIdx.x];
        __syncthreads();  // partial is free for the next pass
        if (threadIdx.y == 0 && column < columns)
            (pass == 0 ? mean : variance)[member * columns + column] = sum;
        center = sum;
    }
}

// first = sum of firsts over the slabs, and second of seconds, in blocks of z = 0 and 1
extern "C" __global__ void sum_pairs(const real* firsts, const real* seconds, real* first,
                                     real* second, int slabs, int columns)
{
    int column = blockIdx.x * 32 + threadIdx.x;
    long long member = blockIdx.y;
    const real* partial = blockIdx.z == 0 ? firsts : seconds;
    real sum = column_sum(partial + member * slabs * columns, slabs, columns);
    if (threadIdx.y == 0 && column < columns)
        (blockIdx.z == 0 ? first : second)[member * columns + column] = sum;
}

// ---------------------------------------------------------------- batch normalisation

// The running statistics move by the share `momentum`, with the variance `unbiased` times as large;
// inverse = 1 / sqrt(variance + epsilon)
extern "C" __global__ void update_moments(const real* mean, const real* variance,
                                          real* running_mean, real* running_variance,
                                          real* inverse, real unbiased, real momentum,
                                          real epsilon, long long n)
{
    long long i = element();
    if (i >= n) return;
    running_mean[i] += momentum * (mean[i] - running_mean[i]);
    running_variance[i] += momentum * (variance[i] * unbiased - running_variance[i]);
    inverse[i] = 1 / sqrt(variance[i] + epsilon);
}

// y = (x - mean) inverse scale + shift, with `size` numbers a member
extern "C" __global__ void batch_norm(const real* x, const real* mean, const real* inverse,
                                      const real* scale, const real* shift, real* y, int columns,
                                      long long size)
{
    long long i = element(), member = blockIdx.y;
    if (i >= size) return;
    long long c = member * columns + i % columns;
    y[member * size + i] = (x[member * size + i] - mean[c]) * (inverse[c] * scale[c]) + shift[c];
}

// Of every slab the sums of dy (x - mean) inverse and of dy.
extern "C" __global__ void slab_norm_sums(const real* dy, const real* x, const real* mean,
                                          const real* inverse, real* dots, real* sums,
                                          long long rows, int columns, int height)
{
    Share share(rows, columns, height);
    long long first = share.member * rows * columns + share.column;
    long long c = share.member * columns + (share.column < columns ? share.column : 0);
    real center = mean[c], factor = inverse[c], dot = 0, sum = 0;
    for (long long row = share.row; row < share.end; row += share.lines) {
        long long i = first + row * columns;
        dot += dy[i] * ((x[i] - center) * factor);
        sum += dy[i];
    }
    dot = share.sum(dot);
    sum = share.sum(sum);
    if (share.writes(columns)) {
        long long i = (share.member * gridDim.x + share.slab) * columns + share.column;
        dots[i] = dot;
        sums[i] = sum;
    }
}

// dx = scale inverse (dy - ((x - mean) inverse dscale + dshift) / rows), with `size` numbers a member
extern "C" __global__ void batch_norm_backward(const real* dy, const real* x, const real* mean,
                                               const real* inverse, const real* scale,
                                               const real* dscale, const real* dshift, real* dx,
                                               int columns, long long size)
{
    long long i = element(), member = blockIdx.y;
    if (i >= size) return;
    long long k = member * size + i, c = member * columns + i % columns;
    real common = ((x[k] - mean[c]) * inverse[c] * dscale[c] + dshift[c]) / (size / columns);
    dx[k] = (dy[k] - common) * (scale[c] * inverse[c]);
}

// ---------------------------------------------------------------- augmentation

// words[e, b] = 64 random bits; the draws before this one have used up `draws` times `size` words
extern "C" __global__ void random_words(const word* keys, const word* draws, word* words,
                                        long long size)
{
    long long b = element(), member = blockIdx.y;
    if (b < size)
        words[member * size + b] =
            philox(keys[2 * member], keys[2 * member + 1], *draws * size + b);
}

// y[b, row, column] = x[b, row + m, column + n], or 0 outside. An image's word says how far it is
// moved: -reach ... reach. `sign` is 1, or -1 to move it back.
extern "C" __global__ void crop(const real* x, const word* words, real* y, int H, int W, int C,
                                int reach, int sign, long long n)
{
    long long number = element();
    if (number >= n) return;
    int c = number % C;
    long long pixel = number / C, b = pixel / W / H;
    word bits = words[b], parts = 2 * reach + 1;
    int down = (int)((bits & 0xFFFF) * parts >> 16) - reach;
    int right = (int)((bits >> 16 & 0xFFFF) * parts >> 16) - reach;
    int row = (int)(pixel / W % H) + sign * down, column = (int)(pixel % W) + sign * right;
    bool inside = row >= 0 && row < H && column >= 0 && column < W;
    y[number] = inside ? x[((b * H + row) * W + column) * C + c] : 0;
}

// y[b, row, column] = x[b, row, W - 1 - column] where the image's word is odd
extern "C" __global__ void flip(const real* x, const word* words, real* y, int H, int W, int C,
                                long long n)
{
    long long number = element();
    if (number >= n) return;
    long long pixel = number / C;
    int column = pixel % W;
    long long from = words[pixel / W / H] & 1 ? pixel + W - 1 - 2 * column : pixel;
    y[number] = x[from * C + number % C];
}
