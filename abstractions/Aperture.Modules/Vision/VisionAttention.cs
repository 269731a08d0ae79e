using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>One attention of a vision transformer: over all rows, or in windows where rows in front belong to every window.</summary>
/// <param name="config">Sizes and options.</param>
/// <param name="weights">The block's weights; borrowed.</param>
/// <param name="ops">Operations; borrowed.</param>
internal sealed class VisionAttention(VisionTransformerConfig config, VisionBlockWeights weights, Ops ops)
{
    private const float Hidden = -30000; // finite, so that a window without a row gives no NaN; e to this is 0 in every type

    private int Head => config.HiddenSize / config.Heads;

    /// <summary>Attends.</summary>
    /// <param name="normed">Normalised rows <c>[batch, rows, C]</c>; borrowed.</param>
    /// <param name="block">The block.</param>
    /// <param name="rows">What the rows stand for.</param>
    /// <returns><c>[batch, rows, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor normed, int block, VisionRows rows) => Run(normed, block, rows, null);

    /// <summary>Attends to rows of the picture and to others.</summary>
    /// <param name="normed">Normalised rows <c>[batch, rows, C]</c>; borrowed.</param>
    /// <param name="block">The block.</param>
    /// <param name="rows">What the rows stand for.</param>
    /// <param name="seen">What is seen beside them; borrowed. Null for nothing.</param>
    /// <returns><c>[batch, rows, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor normed, int block, VisionRows rows, VisionSeenRows? seen)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = config.WindowOf(block);
        int[] places = side > 0 || config.Rotary is not null || config.RelativePositions ? Known(rows, block) : [];
        Tensor merged = side > 0
            ? InWindows(normed, new VisionWindows(rows.Grid, places, side, config.WindowPadding), rows.Front, seen)
            : Everywhere(normed, places, rows, seen);
        return weights.Output.Apply(merged).MoveToOuterDisposeScope();
    }

    private static int[] Known(VisionRows rows, int block)
    {
        int[] places = rows.Places;
        return Array.IndexOf(places, -1) < 0
            ? places
            : throw new ApertureException(
                $"Vision block {block} needs the place of every row in the grid, and a callback changed the rows without saying which go on; "
                + "call Keep on its context, with rows that have a place.");
    }

    /// <summary>Keys and values of rows that a block only sees.</summary>
    /// <param name="normed">Normalised rows <c>[batch, L, C]</c>; borrowed.</param>
    /// <returns>The caller disposes it.</returns>
    public VisionSeenRows See(Tensor normed)
    {
        using DisposeScope scope = NewDisposeScope();
        (_, Tensor k, Tensor v) = Heads(normed);
        return new VisionSeenRows(k.contiguous().MoveToOuterDisposeScope(), v.contiguous().MoveToOuterDisposeScope());
    }

    private Tensor Everywhere(Tensor normed, int[] places, VisionRows rows, VisionSeenRows? seen)
    {
        (Tensor q, Tensor k, Tensor v) = Heads(normed);
        VisualGrid grid = rows.Grid;
        (int Row, int Column)[] positions = Array.ConvertAll(places, place => (place / grid.Columns, place % grid.Columns));
        if (config.Rotary is { } rotary)
        {
            using VisionRotation rotation = new(rotary, rows.Front, positions, (grid.Rows, grid.Columns), Head, normed.device);
            (q, k) = (rotation.Rotate(q), rotation.Rotate(k));
        }

        (k, v) = seen?.Before(k, v) ?? (k, v);
        if (config.RelativePositions && rows.InOrder)
        {
            return Merge(new RelativeAttention(weights.RelativeRows!, weights.RelativeColumns!, grid, ops).Run(q, k, v));
        }

        int front = rows.Front + (seen?.Count ?? 0);
        Tensor? bias = config.RelativePositions ? Relative(q, positions, (grid.Rows, grid.Columns), rows.Front, front) : null;
        return Merge(ops.Attend(q, k, v, bias)); // [B, heads, N, head] -> [B, N, C]
    }

    private Tensor InWindows(Tensor normed, VisionWindows windows, int front, VisionSeenRows? seen)
    {
        long batch = normed.size(0), area = windows.Side * windows.Side, slots = windows.Count * area;
        Tensor at = tensor(windows.Slots, device: normed.device);
        Tensor padded = zeros([batch, slots, config.HiddenSize], dtype: normed.dtype, device: normed.device)
            .index_copy(1, at, normed.narrow(1, front, normed.size(1) - front)); // [B, N, C] -> [B, slots, C]
        padded = front == 0 ? padded : cat([normed.narrow(1, 0, front), padded], 1); // [B, front + slots, C]
        (Tensor q, Tensor k, Tensor v) = Heads(padded);
        (int Row, int Column)[] within = [.. Enumerable.Range(0, (int)area).Select(slot => (slot / windows.Side, slot % windows.Side))];
        if (config.Rotary is { } rotary)
        {
            (int Row, int Column)[] positions = rotary.Length is null
                ? [.. Enumerable.Range(0, (int)slots).Select(windows.PlaceOf)]
                : [.. Enumerable.Repeat(within, windows.Count).SelectMany(window => window)];
            using VisionRotation rotation = new(rotary, front, positions, (windows.Side, windows.Side), Head, normed.device);
            (q, k) = (rotation.Rotate(q), rotation.Rotate(k));
        }

        Tensor queries = Split(q, front, windows.Count), keys = WithFront(k, front, windows.Count), values = WithFront(v, front, windows.Count);
        (keys, values) = seen?.Before(keys, values, windows.Count) ?? (keys, values);
        int visible = front + (seen?.Count ?? 0);
        Tensor? mask = Mask(windows, visible, batch, normed);
        Tensor attended;
        if (config.RelativePositions && mask is null)
        {
            VisualGrid window = new(windows.Side, windows.Side);
            attended = new RelativeAttention(weights.RelativeRows!, weights.RelativeColumns!, window, ops).Run(queries, keys, values);
        }
        else
        {
            Tensor? bias = config.RelativePositions ? Relative(queries, within, (windows.Side, windows.Side), 0, visible) : null;
            bias = mask is null ? bias : bias?.add(mask) ?? mask;
            attended = ops.Attend(queries, keys, values, bias);
        }

        Tensor inside = Merge(attended).reshape(batch, slots, config.HiddenSize).index_select(1, at); // [B * windows, area, C] -> [B, slots, C] -> [B, N, C]
        return front == 0 ? inside : cat([InFront(q, k, v, front, at, seen), inside], 1);
    }

    // Rows in front attend to each other, to all rows of the grid and to what is only seen: [B, heads, front + slots, head] -> [B, front, C].
    private Tensor InFront(Tensor q, Tensor k, Tensor v, int front, Tensor slots, VisionSeenRows? seen)
    {
        Tensor real = cat([arange(front, dtype: ScalarType.Int64, device: slots.device), slots.add(front)], 0);
        (Tensor keys, Tensor values) = (k.index_select(2, real), v.index_select(2, real));
        (keys, values) = seen?.Before(keys, values) ?? (keys, values);
        return Merge(ops.Attend(q.narrow(2, 0, front), keys, values));
    }

    // [B, heads, front + slots, head] -> [B * windows, heads, area, head]
    private static Tensor Split(Tensor x, int front, int windows)
        => x.narrow(2, front, x.size(2) - front).unflatten(2, [windows, -1]).transpose(1, 2).flatten(0, 1);

    // The same with the rows in front before each window: -> [B * windows, heads, front + area, head]
    private static Tensor WithFront(Tensor x, int front, int windows)
    {
        Tensor split = Split(x, front, windows);
        return front == 0 ? split : cat([x.narrow(2, 0, front).unsqueeze(1).expand(-1, windows, -1, -1, -1).flatten(0, 1), split], 2);
    }

    // 0 where a slot is seen, very low elsewhere: [B * windows, 1, 1, front + area]; null where all are.
    private static Tensor? Mask(VisionWindows windows, int front, long batch, Tensor like)
    {
        if (Array.TrueForAll(windows.Present, present => present))
        {
            return null;
        }

        Tensor slots = tensor(Array.ConvertAll(windows.Present, present => present ? 0 : Hidden)).view(windows.Count, 1, 1, -1);
        Tensor all = front == 0 ? slots : F.pad(slots, [front, 0]); // [windows, 1, 1, area] -> [windows, 1, 1, front + area]
        return all.repeat(batch, 1, 1, 1).to(like.dtype, like.device);
    }

    // Rows in front get no bias and give none.
    private Tensor Relative(Tensor q, IReadOnlyList<(int Row, int Column)> positions, (int Rows, int Columns) sides, int frontQueries, int frontKeys)
    {
        Tensor queries = q.narrow(2, frontQueries, q.size(2) - frontQueries);
        Tensor bias = RelativePositions.Bias(queries, weights.RelativeRows!, weights.RelativeColumns!, positions, sides);
        return frontKeys == 0 ? bias : F.pad(bias, [frontKeys, 0, frontQueries, 0]); // [B, heads, N, N] -> [B, heads, front + N, front + N]
    }

    // [B, N, C] -> three times [B, heads, N, head]
    private (Tensor Query, Tensor Key, Tensor Value) Heads(Tensor x)
    {
        (Tensor q, Tensor k, Tensor v) = weights.Fused is { } fused
            ? Thirds(fused.Apply(x))
            : (weights.Query!.Apply(x), weights.Key!.Apply(x), weights.Value!.Apply(x));
        q = weights.QueryNorm?.Run(q, config.NormEpsilon, ops) ?? q;
        k = weights.KeyNorm?.Run(k, config.NormEpsilon, ops) ?? k;
        return (Split(q), Split(k), Split(v));

        Tensor Split(Tensor rows) => rows.unflatten(2, [config.Heads, Head]).transpose(1, 2);
    }

    private (Tensor Query, Tensor Key, Tensor Value) Thirds(Tensor fused)
    {
        int c = config.HiddenSize;
        return (fused.narrow(2, 0, c), fused.narrow(2, c, c), fused.narrow(2, 2 * c, c)); // [B, N, 3 C] -> three times [B, N, C]
    }

    // [B, heads, N, head] -> [B, N, C]
    private Tensor Merge(Tensor heads) => heads.transpose(1, 2).reshape(heads.size(0), heads.size(2), config.HiddenSize);
}
