using Aperture.Models;

namespace Aperture.Host.Commands;

/// <summary>A row of <c>bench --shape</c> that runs methods.</summary>
/// <param name="Name">Its name: a method's, or <see cref="ShapeRows.Mixture"/>.</param>
/// <param name="Label">The methods and their settings, in words.</param>
/// <param name="Methods">The methods, in the order they act.</param>
internal sealed record ShapeRow(string Name, string Label, IReadOnlyList<MethodUse> Methods);
