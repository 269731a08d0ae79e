namespace Aperture.Scripting;

/// <summary>One overload of what is being called.</summary>
/// <param name="Head">What stands before the parameters, e.g. <c>Tensor torch.ones(</c>.</param>
/// <param name="Parameters">The parameters, in order.</param>
/// <param name="Tail">What stands after them: <c>)</c> or <c>]</c>.</param>
/// <param name="Summary">Its documentation as plain text; empty if there is none.</param>
public sealed record CodeSignature(string Head, IReadOnlyList<CodeParameter> Parameters, string Tail, string Summary)
{
    /// <summary>The signature in one line.</summary>
    public override string ToString() => Head + string.Join(", ", Parameters.Select(p => p.Text)) + Tail;
}
