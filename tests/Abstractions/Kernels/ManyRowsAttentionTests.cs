using Aperture.Decoding;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Abstractions.Tests.Kernels;

[Collection("tensors")]
public sealed class ManyRowsAttentionTests
{
    [Theory]
    [InlineData(1, 1, 64, 1, 1)]
    [InlineData(2, 1, 64, 640, 640)]
    [InlineData(8, 2, 128, 49, 113)] // rows on a live cache, grouped heads
    [InlineData(3, 3, 72, 48, 48)]
    [InlineData(2, 2, 80, 47, 600)]
    [InlineData(4, 4, 24, 7, 64)]
    [InlineData(2, 2, 16, 130, 130)]
    [InlineData(1, 1, 100, 6, 65)]
    public void It_is_libtorchs_attention(int heads, int keyValueHeads, int d, int rows, int keys)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(7);
        Tensor q = randn(rows, heads, d).transpose(0, 1), k = randn(keyValueHeads, keys, d), v = randn(keyValueHeads, keys, d), bias = randn(heads, rows, keys);
        Tensor Grouped(Tensor x) => x.repeat_interleave(heads / keyValueHeads, 0);
        Tensor seen = ones(rows, keys, dtype: ScalarType.Bool).tril(keys - rows);
        Tensor plain = F.scaled_dot_product_attention(q, Grouped(k), Grouped(v), null, 0, is_casual: false);
        Tensor causal = F.scaled_dot_product_attention(q, Grouped(k), Grouped(v), seen, 0, is_casual: false);
        Tensor biased = F.scaled_dot_product_attention(q, Grouped(k), Grouped(v), bias, 0, is_casual: false);

        Assert.True(Run(q, k, v).allclose(plain, 1e-5, 1e-5));
        Assert.True(Run(q, k, v, causal: true).allclose(causal, 1e-5, 1e-5));
        Assert.True(Run(q, k, v, bias: bias).allclose(biased, 1e-5, 1e-5));
        Assert.True(Run(q, k, v, bias: bias.bfloat16()).allclose(biased, 0.05, 0.05));
        Tensor halves = Run(q.bfloat16(), k.bfloat16(), v.bfloat16(), causal: true);
        Assert.Equal(ScalarType.BFloat16, halves.dtype);
        Assert.True(halves.to(ScalarType.Float32).allclose(causal, 0.03, 0.03));
    }

    [Fact]
    public void A_row_depends_neither_on_its_neighbours_nor_on_threads()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = randn(4, 100, 64), k = randn(2, 700, 64), v = randn(2, 700, 64), all = Run(q, k, v, threads: 1);
        Assert.True(all.equal(Run(q, k, v, threads: 3)).all().item<bool>());
        Assert.True(all.narrow(1, 37, 5).equal(Run(q.narrow(1, 37, 5), k, v)).all().item<bool>());
        Tensor causal = Run(q, k, v, causal: true);
        Assert.True(causal.narrow(1, 0, 60).equal(Run(q.narrow(1, 0, 60), k.narrow(1, 0, 660), v.narrow(1, 0, 660), causal: true)).all().item<bool>());
    }

    [Theory]
    [InlineData(14, 14, 0)]
    [InlineData(8, 16, 0)]
    [InlineData(8, 8, 3)] // keys that fill whole panels but for three
    [InlineData(3, 21, 1)]
    [InlineData(20, 64, 0)]
    [InlineData(1, 1, 2)]
    public void What_is_added_by_row_and_column_is_the_whole_bias(int rows, int columns, int front)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(3);
        int keys = front + (rows * columns);
        Tensor q = randn(3, 50, 24), k = randn(3, keys, 24), v = randn(3, keys, 24), byRow = randn(3, 50, rows), byColumn = randn(3, 50, columns);
        byRow[0, 1, rows - 1] = float.NegativeInfinity; // hides a row of places, and nothing behind it
        Tensor whole = F.pad(byRow.unsqueeze(3).add(byColumn.unsqueeze(2)).flatten(2), [front, 0]); // -> [3, 50, keys]

        Tensor spread = Run(q, k, v, new LogitBias(new HeadRows(byRow, 0, 1), new HeadRows(byColumn, 0, 1), (rows, columns), front));

        Tensor expected = Run(q, k, v, bias: whole);
        Assert.True(spread.equal(expected).logical_or(expected.isnan()).all().item<bool>());
        Tensor halves = Run(
            q, k, v, new LogitBias(new HeadRows(byRow.bfloat16(), 0, 1), new HeadRows(byColumn.bfloat16(), 0, 1), (rows, columns), front));
        Assert.True(halves.allclose(expected, 0.05, 0.05, equal_nan: true));
    }

    [Fact]
    public void Where_gradients_are_wanted_they_are_kept()
    {
        using DisposeScope scope = NewDisposeScope();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        Tensor q = randn(1, 2, 9, 16), k = randn(1, 2, 9, 16), v = randn(1, 2, 9, 16).requires_grad_();

        ops.Attend(q, k, v).sum().backward();

        Assert.True(v.grad!.sum().item<float>() > 0);
        using (no_grad())
        {
            Assert.False(ops.Attend(q, k, v).requires_grad);
        }
    }

    // [heads, rows, d], of queries that may lie in any order of heads and rows.
    private static Tensor Run(Tensor q, Tensor k, Tensor v, bool causal = false, Tensor? bias = null, int threads = 2)
        => Run(q, k, v, bias is null ? null : new LogitBias(new HeadRows(bias, 0, 1)), causal, threads);

    private static Tensor Run(Tensor q, Tensor k, Tensor v, LogitBias? bias, bool causal = false, int threads = 2)
    {
        using WorkerTeam team = new(threads);
        Tensor y = empty(q.shape, dtype: q.dtype);
        ManyRowsAttention.Run(
            team, new HeadRows(q, 0, 1), new HeadRows(k, 0, 1), new HeadRows(v, 0, 1), new HeadRows(y, 0, 1),
            ((int)q.size(0), (int)k.size(0), (int)q.size(2), (int)q.size(1), (int)k.size(1)), causal, bias);
        return y;
    }
}
