namespace Aperture.Scripting;

/// <summary>One thing that may be written at the cursor.</summary>
/// <param name="Text">What replaces the span of the list.</param>
/// <param name="Label">What a menu shows: the text, with type parameters or a colon where they belong.</param>
/// <param name="Kind">What it is, as menus name it: <c>method</c>, <c>property</c>, <c>class</c>, <c>keyword</c>, ….</param>
public sealed record CodeCompletion(string Text, string Label, string Kind);
