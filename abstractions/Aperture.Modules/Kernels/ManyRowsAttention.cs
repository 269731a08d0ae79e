using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Aperture.Kernels;

/// <summary>
/// Attention of many query rows, a prefill's or a picture's: a head's keys and values are packed once for all its queries, then blocks of rows go through
/// logits, softmax and weighted sums in memory that stays in a core's cache. All in float32; bf16 is widened on the way in and rounded on the way out. A row's
/// result depends neither on the rows beside it nor on the number of threads.
/// </summary>
internal static unsafe class ManyRowsAttention
{
    private const int BlockRows = 8 * PanelProduct.Rows, KeysTogether = 512;

    /// <summary>
    /// Whether it is the faster way here. libtorch multiplies inside attention with MKL, which takes its 512-bit kernels on Intel's processors alone; on those
    /// it is left to libtorch.
    /// </summary>
    public static bool IsFaster { get; } = Vector512.IsHardwareAccelerated && !(X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx == 0x756e6547); // "Genu"

    /// <summary>Attends.</summary>
    /// <param name="team">Threads.</param>
    /// <param name="q">Queries, <c>heads</c> of <c>rows</c>.</param>
    /// <param name="k">Keys, <c>key/value heads</c> of <c>keys</c>.</param>
    /// <param name="v">Values, as keys.</param>
    /// <param name="output">Gets the results, as queries.</param>
    /// <param name="shape">heads, key/value heads, elements of a head, query rows, keys.</param>
    /// <param name="causal">Whether queries are the last of the keys and see none behind themselves; else they see all.</param>
    /// <param name="bias">Added to logits; null for none.</param>
    public static void Run(
        WorkerTeam team, HeadRows q, HeadRows k, HeadRows v, HeadRows output, (int Heads, int KeyValueHeads, int D, int Rows, int Keys) shape, bool causal,
        LogitBias? bias = null)
    {
        int group = shape.Heads / shape.KeyValueHeads, blocks = (shape.Rows + BlockRows - 1) / BlockRows;
        Packing packing = new(shape.D, shape.Keys);
        float[] packed = ArrayPool<float>.Shared.Rent(packing.Keys + packing.Values);
        fixed (float* keys = packed)
        {
            nint pk = (nint)keys, pv = (nint)(keys + packing.Keys);
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                int current = head;
                team.Run(packing.Panels, panel => packing.Pack(k, v, current, panel, (float*)pk, (float*)pv));
                team.Run(group * blocks, item => Attend(
                    q, (float*)pk, (float*)pv, output, bias, shape, (current * group) + (item / blocks), item % blocks, causal));
            }
        }

        ArrayPool<float>.Shared.Return(packed);
    }

    private static void Attend(
        HeadRows q, float* keys, float* values, HeadRows output, LogitBias? bias, (int Heads, int KeyValueHeads, int D, int Rows, int Keys) shape, int head,
        int block, bool causal)
    {
        Packing packing = new(shape.D, shape.Keys);
        int first = block * BlockRows, rows = Math.Min(BlockRows, shape.Rows - first), tiles = (rows + PanelProduct.Rows - 1) / PanelProduct.Rows;
        int d = shape.D, stride = packing.Panels * PanelProduct.Wide, padded = tiles * PanelProduct.Rows;
        float[] rented = ArrayPool<float>.Shared.Rent(padded * (d + stride + packing.Width));
        fixed (float* queries = rented)
        {
            float* logits = queries + (padded * d), sums = logits + ((long)padded * stride);
            new Span<float>(queries, padded * d).Clear();
            for (int row = 0; row < rows; row++)
            {
                q.Read(head, first + row, queries + (row * d), d);
            }

            FloatRow.Scale(queries, rows * d, 1f / MathF.Sqrt(d));
            int Visible(int row) => causal ? shape.Keys - shape.Rows + first + row + 1 : shape.Keys;
            int most = Visible(rows - 1);
            for (int panel = 0; panel * PanelProduct.Wide < most; panel++)
            {
                for (int tile = 0; tile < tiles; tile++)
                {
                    int row = tile * PanelProduct.Rows;
                    PanelProduct.Run(
                        queries + (row * d), d, keys + ((long)panel * PanelProduct.Wide * d), PanelProduct.Wide, d,
                        logits + ((long)row * stride) + (panel * PanelProduct.Wide), stride, adds: false);
                }
            }

            for (int row = 0; row < padded; row++)
            {
                float* shares = logits + ((long)row * stride);
                int visible = row < rows ? Visible(row) : 0;
                if (visible > 0)
                {
                    if (bias is { } added)
                    {
                        added.AddTo(head, first + row, shares, visible);
                    }

                    FloatRow.Softmax(shares, visible);
                }

                new Span<float>(shares + visible, most - visible).Clear();
            }

            for (int from = 0; from < most; from += KeysTogether)
            {
                int count = Math.Min(KeysTogether, most - from);
                for (int column = 0; column < packing.Width; column += packing.PanelWidth(column))
                {
                    int width = packing.PanelWidth(column);
                    float* panel = values + ((long)column * shape.Keys) + ((long)from * width);
                    for (int tile = 0; tile < tiles; tile++)
                    {
                        int row = tile * PanelProduct.Rows;
                        PanelProduct.Run(
                            logits + ((long)row * stride) + from, stride, panel, width, count, sums + (row * packing.Width) + column, packing.Width,
                            adds: from > 0);
                    }
                }
            }

            for (int row = 0; row < rows; row++)
            {
                output.Write(head, first + row, sums + (row * packing.Width), d);
            }
        }

        ArrayPool<float>.Shared.Return(rented);
    }

    // How a head's keys and values lie: keys in panels of 64, [panel, d, 64]; values in panels of 64 or 32 columns, [panel, keys, columns]. Zeros fill up.
    private readonly struct Packing(int d, int keys)
    {
        private const int Narrow = PanelProduct.Narrow, Wide = PanelProduct.Wide;

        public int Panels => (keys + Wide - 1) / Wide;

        public int Keys => Panels * Wide * d;

        public int Width => d - (d % Wide) + (d % Wide == 0 ? 0 : d % Wide <= Narrow ? Narrow : Wide);

        public int Values => Width * keys;

        public int PanelWidth(int column) => Width - column >= Wide ? Wide : Narrow;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Pack(HeadRows k, HeadRows v, int head, int panel, float* packedKeys, float* packedValues)
        {
            float* row = stackalloc float[Width];
            new Span<float>(row, Width).Clear();
            float* columns = packedKeys + ((long)panel * Wide * d);
            for (int slot = 0; slot < Wide; slot++)
            {
                int key = (panel * Wide) + slot;
                if (key >= keys)
                {
                    for (int i = 0; i < d; i++)
                    {
                        columns[(i * Wide) + slot] = 0;
                    }

                    continue;
                }

                k.Read(head, key, row, d);
                for (int i = 0; i < d; i++)
                {
                    columns[(i * Wide) + slot] = row[i];
                }

                v.Read(head, key, row, d);
                for (int column = 0; column < Width; column += PanelWidth(column))
                {
                    int width = PanelWidth(column);
                    new ReadOnlySpan<float>(row + column, width).CopyTo(new Span<float>(packedValues + ((long)column * keys) + ((long)key * width), width));
                }
            }
        }
    }
}
