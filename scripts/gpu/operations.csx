// Operations of libtorch that the product is made of, on a device beside the CPU in float32: what is missing or wrong there shows here first.
//
//     aperture run --device cuda scripts/gpu/operations.csx -- --device cuda
//
// A value may be off by the tolerance times the largest: in float32 what TensorFloat-32 convolutions change, in bf16 its rounding.
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

string device = Args.Count == 2 && Args[0] == "--device" ? Args[1] : throw new ApertureException("usage: operations.csx -- --device cpu|cuda|cuda:N");
var there = new Device(device);
using var quiet = inference_mode();
Dictionary<string, (double Bf16, Func<Func<long[], Tensor>, Tensor> Run)> operations = new()
{
    ["linear"] = (2e-2, of => F.linear(of([7, 64]), of([48, 64]), of([48]))),
    ["matmul"] = (2e-2, of => of([3, 7, 64]).matmul(of([3, 64, 5]))),
    ["attention, causal"] = (2e-2, of => F.scaled_dot_product_attention(of([1, 4, 9, 16]), of([1, 4, 9, 16]), of([1, 4, 9, 16]), null, 0, is_casual: true)),
    ["attention, one row"] = (2e-2, of => F.scaled_dot_product_attention(of([1, 4, 1, 16]), of([1, 4, 9, 16]), of([1, 4, 9, 16]), null, 0, is_casual: false)),
    ["attention, shared heads"] = (2e-2, of => F.scaled_dot_product_attention(
        of([2, 4, 9, 16]), of([2, 1, 9, 16]).expand(-1, 4, -1, -1), of([2, 1, 9, 16]).expand(-1, 4, -1, -1), null, 0, is_casual: true)),
    ["attention, bias"] = (2e-2, of => F.scaled_dot_product_attention(
        of([1, 4, 9, 16]), of([1, 4, 9, 16]), of([1, 4, 9, 16]), of([1, 1, 9, 9]), 0, is_casual: false)),
    ["softmax"] = (1e-2, of => of([5, 33]).softmax(-1)),
    ["log-softmax"] = (1e-2, of => F.log_softmax(of([5, 33]), -1)),
    ["root mean square"] = (1e-2, of => of([5, 64]).pow(2).mean([-1L], keepdim: true).add(1e-5).rsqrt()),
    ["layer norm"] = (2e-2, of => F.layer_norm(of([5, 64]), [64], of([64]), of([64]), 1e-5)),
    ["group norm"] = (2e-2, of => F.group_norm(of([2, 32, 6, 6]), 8, of([32]), of([32]), 1e-5)),
    ["silu"] = (1e-2, of => F.silu(of([5, 64]))),
    ["gelu"] = (1e-2, of => F.gelu(of([5, 64]))),
    ["convolution"] = (2e-2, of => Convolutions.Run(of([1, 16, 12, 12]), of([24, 16, 3, 3]), of([24]), padding: 1)),
    ["convolution, stride"] = (2e-2, of => Convolutions.Run(of([1, 3, 28, 28]), of([24, 3, 14, 14]), stride: 14)),
    ["convolution, depthwise"] = (2e-2, of => Convolutions.Run(of([1, 16, 12, 12]), of([16, 1, 7, 7]), padding: 3, groups: 16)),
    ["convolution, transposed"] = (2e-2, of => Convolutions.RunTransposed(of([1, 16, 6, 6]), of([16, 8, 2, 2]), null, stride: 2)),
    ["resize"] = (1e-2, of => F.interpolate(of([1, 3, 8, 8]), [13, 13], mode: InterpolationMode.Bilinear, align_corners: false)),
    ["rows by index"] = (1e-2, of => of([9, 16]).index_select(0, Whole(of, 0, 3, 8, 3))),
    ["gather"] = (1e-2, of => of([4, 16]).gather(1, Whole(of, 0, 5, 15, 1).view(4, 1))),
    ["cat and narrow"] = (1e-2, of => cat([of([3, 8]), of([2, 8])], 0).narrow(0, 1, 3)),
    ["write in place"] = (1e-2, of => { Tensor all = zeros_like(of([6, 8])); all.narrow(0, 2, 3).copy_(of([3, 8])); return all; }),
    ["masked"] = (1e-2, of => { Tensor x = of([5, 9]); return x.masked_fill(x.gt(0.5), -1); }),
    ["clamp and where"] = (1e-2, of => { Tensor x = of([5, 9]); return where(x.lt(0), x.clamp(min: -0.5), x.square()); }),
    ["largest"] = (1e-2, of => of([3, 40]).topk(5, -1).values),
    ["sorted"] = (1e-2, of => of([3, 40]).sort(-1).Values),
    ["where the largest is"] = (0, of => Apart(of).argmax(-1).to_type(ScalarType.Float32)),
    ["running sum"] = (2e-2, of => of([3, 12]).cumsum(1)),
    ["sine and cosine"] = (1e-2, of => of([3, 12]).cos().add(of([3, 12]).sin())),
    ["powers and logarithms"] = (1e-2, of => of([3, 12]).abs().add(1).log().exp().sqrt()),
    ["einsum"] = (2e-2, of => einsum("bhqd,bhkd->bhqk", of([1, 2, 5, 16]), of([1, 2, 7, 16]))),
    ["outer sums"] = (1e-2, of => of([4, 1, 8]).add(of([1, 5, 8])).amax([0L])),
};

int wrong = 0;
foreach (var (name, (half, run)) in operations)
{
    foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 5e-3), (ScalarType.BFloat16, half) })
    {
        using var scope = NewDisposeScope();
        string said;
        try
        {
            Tensor expected = Run(run, CPU, ScalarType.Float32), actual = Run(run, there, type).cpu();
            double off = expected.sub(actual).abs().max().item<float>() / Math.Max(1e-6, expected.abs().max().item<float>());
            said = off <= tolerance || name == "where the largest is" && off == 0 ? "" : $"off by {off:0.0e0} of the largest";
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            said = error.Message.Split('\n')[0];
        }

        wrong += said.Length > 0 ? 1 : 0;
        if (said.Length > 0)
        {
            Print($"{name}, {type}: {said}");
        }
    }
}

Print($"{2 * operations.Count - wrong} of {2 * operations.Count} operations on {device} as on the CPU");
if (wrong > 0)
{
    throw new ApertureException($"{wrong} operations are wrong on {device}; they stand above.");
}

// Numbers that are the same wherever they go: drawn on the CPU, rounded to bf16 so that every type holds them.
Tensor Run(Func<Func<long[], Tensor>, Tensor> run, Device on, ScalarType type)
{
    ulong seed = 1;
    return run(shape =>
    {
        using Generator generator = new(seed++, CPU);
        return randn(shape, generator: generator).to_type(ScalarType.BFloat16).to(type, on);
    }).to_type(ScalarType.Float32);
}

static Tensor Whole(Func<long[], Tensor> of, params long[] values) => tensor(values).to(of([1]).device);

// Rows whose largest is far from the next, so that rounding moves none.
static Tensor Apart(Func<long[], Tensor> of) => of([6, 11]).mul(0.01).add(eye(6, 11, device: of([1]).device));
