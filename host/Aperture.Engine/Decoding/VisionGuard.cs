using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Callbacks inside the vision encoder as <see cref="HookGuard"/> wraps hooks: told under the method's name and the place, and held against the batch's rows.
/// </summary>
internal static class VisionGuard
{
    /// <summary>The same callbacks, wrapped; those that are null stay null.</summary>
    public static VisionTrunkHooks Guard(string method, VisionTrunkHooks hooks) => hooks with
    {
        AfterEmbedding = Guard(method, "after the embedding", hooks.AfterEmbedding),
        BeforeBlock = Guard(method, "before the block", hooks.BeforeBlock),
        BeforeAttention = Guard(method, "before attention", hooks.BeforeAttention, mustSay: true),
        AfterBlock = Guard(method, "after the block", hooks.AfterBlock),
    };

    private static Func<IVisionContext, Tensor, Tensor?>? Guard(
        string method, string place, Func<IVisionContext, Tensor, Tensor?>? callback, bool mustSay = false)
        => callback is null ? null : (context, rows) =>
        {
            HookSite site = new(method, context.Block < 0 ? $"vision encoder, {place}" : $"vision block {context.Block}, {place}");
            RowForm form = RowForm.Of(rows);
            long batch = rows.size(0);
            KeepingContext own = new(context);
            Tensor? given = site.Call(() => callback(own, rows));
            if ((RowForm.Disposed(rows) ?? Kept(own.Kept, given, mustSay) ?? Rows(given, rows, form, batch, own.Kept, mustSay)) is not { } wrong)
            {
                return given;
            }

            if (!ReferenceEquals(given, rows))
            {
                given?.Dispose();
            }

            throw site.Refusal(wrong);
        };

    private static string? Kept(int[]? kept, Tensor? given, bool mustSay)
        => kept?.Contains(-1) != true ? null
            : mustSay ? "kept a new row (-1), which has nothing that attention could be added to; add rows before a block"
            : given is null ? "kept a new row (-1) but gave no rows; give them, the new one among them"
            : null;

    private static string? Rows(Tensor? given, Tensor lent, RowForm form, long batch, int[]? kept, bool mustSay)
    {
        if (given is null || (ReferenceEquals(given, lent) && (kept is null || kept.Length == form.Count)))
        {
            return null;
        }

        if (RowForm.Gone(given, "rows") is { } gone)
        {
            return gone;
        }

        if (given.dim() != 3 || given.size(0) != batch || given.size(2) != form.Width || (kept is not null && given.size(1) != kept.Length))
        {
            return $"gave rows of shape {RowForm.Shape(given)} where [{batch}, {kept?.Length.ToString() ?? "rows"}, {form.Width}] belong";
        }

        return mustSay && kept is null && given.size(1) != form.Count
            ? $"gave {given.size(1)} rows for {form.Count} without saying which go on; call Keep on its context"
            : form.TypeOrDevice(given, "rows");
    }

    // Hands on what the encoder says, and notes what the method keeps.
    private sealed class KeepingContext(IVisionContext inner) : IVisionContext
    {
        public int[]? Kept { get; private set; }

        public IRequestContext? Request => inner.Request;

        public int Block => inner.Block;

        public IReadOnlyList<PictureTile> Pictures => inner.Pictures;

        public VisualGrid Grid => inner.Grid;

        public int Front => inner.Front;

        public IReadOnlyList<int> Places => inner.Places;

        public CancellationToken Cancellation => inner.Cancellation;

        public void Keep(int[] rows)
        {
            inner.Keep(rows);
            Kept = rows;
        }
    }
}
