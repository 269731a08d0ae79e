using Aperture.Natives;

namespace Aperture.Decoding;

/// <summary>Where a method acts, in words: what goes wrong there is told under the method's name and this place.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Place">The place, such as <c>before the decoder</c> or <c>layer 3, after attention</c>.</param>
internal sealed record HookSite(string Method, string Place)
{
    /// <summary>A site of a decoder layer.</summary>
    public static HookSite Of(string method, int layer, string place) => new(method, $"layer {layer}, {place}");

    /// <summary>Calls a hook. What it throws becomes one line with the method and the place; cancelling passes as it is.</summary>
    /// <exception cref="ApertureException">The hook threw; its exception is the inner one.</exception>
    public T Call<T>(Func<T> hook)
    {
        try
        {
            return hook();
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw Told(error);
        }
    }

    /// <summary>Calls what comes before the first request. A refusal there is the method's own line; what else it throws is told as a hook's.</summary>
    /// <exception cref="ApertureException">It refused, or threw.</exception>
    public T Prepare<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is not (ApertureException or OperationCanceledException))
        {
            throw Told(error);
        }
    }

    /// <summary>An exception of the method's under its name and this place.</summary>
    public ApertureException Told(Exception error)
    {
        // Messages of methods begin with the method's name already.
        string text = TorchText.Of(error), own = $"{Method}: ";
        return new ApertureException($"{Method}, {Place}: {(text.StartsWith(own, StringComparison.OrdinalIgnoreCase) ? text[own.Length..] : text)}", error);
    }

    /// <summary>What the method gave is of no use.</summary>
    /// <param name="what">What it gave, where what belongs.</param>
    public ApertureException Refusal(string what) => new($"{Method}, {Place}: {what}.");
}
