namespace Aperture.Plugins.GammaMod;

/// <summary>
/// FLOPs as the paper counts them: 2 per multiply-accumulate, a prompt of s tokens through the layers of a decoder whose key/value heads are not grouped, the
/// causal half not subtracted, routers and output matrix left out.
/// </summary>
internal static class ReferenceFlops
{
    /// <summary>One layer on s tokens.</summary>
    public static double Layer(long tokens, long hidden, long intermediate)
        => (8.0 * tokens * hidden * hidden) + (4.0 * tokens * tokens * hidden) + (6.0 * tokens * hidden * intermediate);

    /// <summary>All layers, of which MoD layers run what does not skip.</summary>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="skip">Share of tokens that skips a MoD layer.</param>
    /// <param name="layers">All layers.</param>
    /// <param name="dense">Layers that no token skips; published models keep 4.</param>
    /// <param name="hidden">Hidden width.</param>
    /// <param name="intermediate">Feed-forward width.</param>
    public static double Prefill(long tokens, double skip, int layers, int dense, long hidden, long intermediate)
        => (dense * Layer(tokens, hidden, intermediate)) + ((layers - dense) * Layer((long)(tokens * (1 - skip)), hidden, intermediate));
}
