// Arithmetic that CuPy would take several kernels for, in one each. All arrays are contiguous float32 but labels.
//
// fused.py calls these and names the NumPy formula that each has to equal. Rows are shared by LANES threads that
// lie in one warp; a test compiles this file for the host with one lane, which is why nothing else is shared.

#ifndef LANES
#define LANES 32
__device__ float largest_of_lanes(float x) {
    for (int distance = LANES / 2; distance; distance /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, distance));
    return x;
}
__device__ float sum_of_lanes(float x) {
    for (int distance = LANES / 2; distance; distance /= 2) x += __shfl_xor_sync(0xffffffff, x, distance);
    return x;
}
#endif

#define THREAD (blockIdx.x * (long long)blockDim.x + threadIdx.x)
#define THREADS (gridDim.x * (long long)blockDim.x)

// The largest logit of a row and the sum of exp(logit - largest), the same in all lanes.
__device__ void scale_of_row(const float *row, long long classes, int lane, float *largest, float *total) {
    float most = row[0], sum = 0.0f;
    for (long long c = lane; c < classes; c += LANES) most = fmaxf(most, row[c]);
    *largest = most = largest_of_lanes(most);
    for (long long c = lane; c < classes; c += LANES) sum += expf(row[c] - most);
    *total = sum_of_lanes(sum);
}

// One loss a row; nan for a label that is no class.
extern "C" __global__ void cross_entropy(float *losses, const float *logits, const long long *labels,
                                         long long rows, long long classes) {
    int lane = THREAD % LANES;
    for (long long row = THREAD / LANES; row < rows; row += THREADS / LANES) {
        float largest, total;
        scale_of_row(logits + row * classes, classes, lane, &largest, &total);
        long long label = labels[row];
        float picked = label >= 0 && label < classes ? logits[row * classes + label] : logf(-1.0f);
        if (lane == 0) losses[row] = logf(total) - (picked - largest);
    }
}

// (softmax(logits) - one_hot(labels)) * g, with g one number on the device.
extern "C" __global__ void cross_entropy_gradient(float *out, const float *logits, const long long *labels,
                                                  const float *g, long long rows, long long classes) {
    int lane = THREAD % LANES;
    for (long long row = THREAD / LANES; row < rows; row += THREADS / LANES) {
        const float *of_row = logits + row * classes;
        float largest, total;
        scale_of_row(of_row, classes, lane, &largest, &total);
        for (long long c = lane; c < classes; c += LANES)
            out[row * classes + c] = (expf(of_row[c] - largest) / total - (c == labels[row])) * g[0];
    }
}

// Adam with unnormalised moments; decay goes into the gradient, kept is what is left of a parameter.
extern "C" __global__ void adam(float *out, float *out_first, float *out_second, const float *gradient,
                                const float *parameters, const float *first, const float *second, long long size,
                                float decay, float kept, float rate, float epsilon, float beta1, float beta2) {
    for (long long i = THREAD; i < size; i += THREADS) {
        float p = parameters[i], g = decay * p + gradient[i];
        float m = beta1 * first[i] + g, v = beta2 * second[i] + g * g;
        out_first[i] = m;
        out_second[i] = v;
        out[i] = kept * p - rate * (m / (sqrtf(v) + epsilon));
    }
}
