using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>Calls a run's callbacks, and keeps the account of its rows.</summary>
internal sealed class VisionContext(VisionRows rows, VisionRequest request, int batch, CancellationToken cancellation) : IVisionContext
{
    private int[]? _kept;

    public IRequestContext? Request => request.Request;

    public int Block { get; private set; } = -1;

    public IReadOnlyList<PictureTile> Pictures => field ??= request.Pictures ?? [.. Enumerable.Range(0, batch).Select(image => new PictureTile(image, 0))];

    public VisualGrid Grid => rows.Grid;

    public int Front => rows.Front;

    public IReadOnlyList<int> Places => rows.AllPlaces;

    public CancellationToken Cancellation => cancellation;

    /// <summary>What the rows stand for.</summary>
    public VisionRows Rows => rows;

    public void Keep(int[] rowsThatGoOn)
    {
        rows.Check(rowsThatGoOn);
        _kept = [.. rowsThatGoOn];
    }

    /// <summary>Calls a callback on a block's rows.</summary>
    /// <param name="hook">The callback; null for none.</param>
    /// <param name="x">Rows <c>[batch, rows, C]</c>; consumed.</param>
    /// <param name="block">The block, -1 at the embedding.</param>
    /// <returns>The rows, or their replacement; the caller disposes them.</returns>
    public Tensor Call(Func<IVisionContext, Tensor, Tensor?>? hook, Tensor x, int block)
    {
        if (hook is null)
        {
            return x;
        }

        (Tensor result, int[]? kept) = Ask(hook, x, block);
        Account(kept, result.size(1));
        return result;
    }

    /// <summary>Calls a callback on a block's normalised rows; those that attention will be added to follow its choice.</summary>
    /// <param name="hook">The callback; null for none.</param>
    /// <param name="normed">Normalised rows <c>[batch, rows, C]</c>; consumed.</param>
    /// <param name="x">The rows themselves; consumed.</param>
    /// <param name="block">The block.</param>
    /// <returns>Normalised rows and rows; the caller disposes them.</returns>
    public (Tensor Normed, Tensor Rows) Call(Func<IVisionContext, Tensor, Tensor?>? hook, Tensor normed, Tensor x, int block)
    {
        if (hook is null)
        {
            return (normed, x);
        }

        (Tensor result, int[]? kept) = Ask(hook, normed, block);
        if (kept is null && result.size(1) != rows.Count)
        {
            throw new ApertureException(
                $"A callback before the attention of vision block {block} gave {result.size(1)} rows for {rows.Count} without saying which go on; "
                + "call Keep on its context.");
        }

        if (kept is not null)
        {
            if (kept.Contains(-1))
            {
                throw new ApertureException(
                    $"A callback before the attention of vision block {block} kept a new row (-1), which has nothing that attention could be added to; "
                    + "add rows before a block.");
            }

            using Tensor all = x;
            x = Take(all, kept);
        }

        Account(kept, result.size(1));
        return (result, x);
    }

    private (Tensor Rows, int[]? Kept) Ask(Func<IVisionContext, Tensor, Tensor?> hook, Tensor x, int block)
    {
        (Block, _kept) = (block, null);
        Tensor? replacement = hook(this, x);
        int[]? kept = _kept;
        if (replacement is null && kept is not null)
        {
            replacement = kept.Contains(-1)
                ? throw new ApertureException("A callback of the vision encoder kept a new row (-1) but returned no rows; return them, the new one among them.")
                : Take(x, kept);
        }

        if (replacement is null || ReferenceEquals(replacement, x))
        {
            return (x, kept);
        }

        bool fits = replacement.dim() == 3 && replacement.size(0) == x.size(0) && replacement.size(2) == x.size(2);
        if (!fits || (kept is not null && kept.Length != replacement.size(1)))
        {
            string wanted = $"[{x.size(0)}, {(kept is null ? "any" : kept.Length)}, {x.size(2)}]";
            throw new ApertureException($"A callback of the vision encoder gave rows of shape [{string.Join(", ", replacement.shape)}]; {wanted} fits.");
        }

        x.Dispose();
        if (!replacement.is_contiguous())
        {
            using Tensor view = replacement; // blocks work in place on their rows
            replacement = view.contiguous();
        }

        return (replacement, kept);
    }

    private void Account(int[]? kept, long count)
    {
        if (kept is not null)
        {
            rows.Keep(kept);
        }
        else if (count != rows.Count)
        {
            rows.Forget((int)count);
        }
    }

    // [B, N, C] -> [B, rows, C]
    private static Tensor Take(Tensor x, int[] rows)
    {
        using Tensor index = tensor(Array.ConvertAll(rows, row => (long)row), device: x.device);
        return x.index_select(1, index);
    }
}
