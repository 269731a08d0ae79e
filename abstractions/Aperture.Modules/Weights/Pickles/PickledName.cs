namespace Aperture.Weights;

/// <summary>A name that a saved Python object refers to, such as <c>torch.float16</c>. It is never resolved to code.</summary>
/// <param name="Module">The module, such as <c>torch</c>.</param>
/// <param name="Name">The name within the module.</param>
public sealed record PickledName(string Module, string Name)
{
    /// <summary>Module and name with a dot between.</summary>
    public string FullName => $"{Module}.{Name}";

    /// <inheritdoc/>
    public override string ToString() => FullName;
}
