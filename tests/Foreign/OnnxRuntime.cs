using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Aperture.Foreign.Tests;

/// <summary>ONNX Runtime, loaded from its package: it is no reference of this project, so that the project builds without it.</summary>
internal sealed class OnnxRuntime : IDisposable
{
    private static readonly ConcurrentDictionary<string, Assembly> _loaded = new();

    private readonly Assembly _assembly;
    private readonly IDisposable _session;
    private readonly Type _value;

    /// <summary>Opens a model.</summary>
    /// <param name="managed">Path of Microsoft.ML.OnnxRuntime.dll.</param>
    /// <param name="native">Path of the native library.</param>
    /// <param name="model">The model.</param>
    public OnnxRuntime(string managed, string native, byte[] model)
    {
        _assembly = _loaded.GetOrAdd(managed, path => Load(path, native));
        _value = Type("NamedOnnxValue");
        object options = Activator.CreateInstance(Type("SessionOptions"))!;
        options.GetType().GetProperty("IntraOpNumThreads")!.SetValue(options, 1);
        _session = (IDisposable)Activator.CreateInstance(Type("InferenceSession"), model, options)!;
        ((IDisposable)options).Dispose();
    }

    // An assembly takes one resolver in its life.
    private static Assembly Load(string managed, string native)
    {
        Assembly assembly = Assembly.LoadFrom(managed);
        NativeLibrary.SetDllImportResolver(assembly, (name, _, _) => name.Contains("onnxruntime", StringComparison.Ordinal) ? NativeLibrary.Load(native) : 0);
        return assembly;
    }

    /// <summary>Runs the model.</summary>
    /// <param name="inputs">Inputs by name, <c>[batch, length]</c> each.</param>
    /// <param name="output">Name of the output.</param>
    /// <returns>Its values, row by row.</returns>
    public float[] Run(IReadOnlyDictionary<string, long[,]> inputs, string output)
    {
        MethodInfo toTensor = Type("Tensors.ArrayTensorExtensions").GetMethods()
            .Single(method => method.Name == "ToTensor" && method.GetParameters()[0].ParameterType is { IsArray: true } array && array.GetArrayRank() == 2)
            .MakeGenericMethod(typeof(long));
        MethodInfo create = _value.GetMethods().Single(method => method.Name == "CreateFromTensor").MakeGenericMethod(typeof(long));
        IList list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(_value))!;
        foreach ((string name, long[,] values) in inputs)
        {
            object?[] arguments = toTensor.GetParameters().Length == 1 ? [values] : [values, false];
            list.Add(create.Invoke(null, [name, toTensor.Invoke(null, arguments)]));
        }

        MethodInfo run = _session.GetType().GetMethods().Single(method => method.Name == "Run" && method.GetParameters() is [{ ParameterType: { } type }]
            && type.IsAssignableFrom(list.GetType()));
        using IDisposable results = (IDisposable)run.Invoke(_session, [list])!;
        object found = ((IEnumerable)results).Cast<object>().Single(result => (string)_value.GetProperty("Name")!.GetValue(result)! == output);
        MethodInfo asEnumerable = _value.GetMethod("AsEnumerable")!.MakeGenericMethod(typeof(float));
        return [.. (IEnumerable<float>)asEnumerable.Invoke(found, [])!];
    }

    public void Dispose() => _session.Dispose();

    private Type Type(string name) => _assembly.GetType($"Microsoft.ML.OnnxRuntime.{name}", throwOnError: true)!;
}
